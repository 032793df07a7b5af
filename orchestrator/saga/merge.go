package saga

import (
	"slices"
	"time"
)

// mergeable reports whether a queued saga can be made to do all that a request asks for:
// the plans agree, and one cut-off serves both.
func (r *run) mergeable(in Requested) bool {
	u := r.plan.Union(in.Plan)
	if u.Validate() != nil || r.leaves(u) != "" {
		return false
	}
	// The union goes by the first plan's name: without a scope it would grow by all of that
	// plan, when what was asked for is part of it, and all of another.
	if r.plan.Scoped && !in.Plan.Scoped && r.plan.Name != in.Plan.Name {
		return false
	}
	switch here, there := r.s.CutOff.IsZero(), in.CutOff.IsZero(); {
	case here && !there:
		return within(in.Plan, in.Items, r.plan, r.s.Items)
	case there && !here:
		return within(r.plan, r.s.Items, in.Plan, in.Items)
	}
	return true
}

// within reports whether each share that p erases as a whole is one that q does, too. What
// only the first erases would lose its cut-off by a merge with a request that has none.
func within(p Plan, items []Item, q Plan, others []Item) bool {
	return !slices.ContainsFunc(p.Erases(), func(name string) bool {
		return whole(p, items, name) && !whole(q, others, name)
	})
}

// whole reports whether a plan with these items erases all of a participant's share.
func whole(p Plan, items []Item, name string) bool {
	return slices.Contains(p.Erases(), name) && len(itemsOf(items, name)) == 0
}

// merged returns the items and the cut-off of a queued saga that takes a request in. Each
// item keeps the cut-off of its own request; whole shares have the earliest one, since what
// was made in between is not everybody's to erase, and is reported as left.
func (r *run) merged(in Requested) ([]Item, time.Time) {
	have, more := stamped(r.s.Items, r.s.CutOff), stamped(in.Items, in.CutOff)
	return merge(have, more, r.plan, in.Plan), earlier(r.s.CutOff, in.CutOff)
}

// stamped returns the items with the cut-off that they had from their request.
func stamped(items []Item, cutOff time.Time) []Item {
	out := slices.Clone(items)
	for i := range out {
		if out[i].CutOff.IsZero() {
			out[i].CutOff = cutOff
		}
	}
	return out
}

// merge returns the items of both. A participant of which one of the plans erases the whole
// share has none; one that only the other plan knows keeps its own.
func merge(a, b []Item, p, q Plan) (out []Item) {
	for _, i := range append(slices.Clone(a), b...) {
		if !whole(p, a, i.Participant) && !whole(q, b, i.Participant) && !slices.ContainsFunc(out, i.is) {
			out = append(out, i)
		}
	}
	return out
}

// itemsOf returns the items of one participant; none means its whole share.
func itemsOf(items []Item, participant string) (out []Item) {
	for _, i := range items {
		if i.Participant == participant {
			out = append(out, i)
		}
	}
	return out
}

// earlier returns the earlier cut-off, or none if one of the requests has none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.After(a) {
		return a
	}
	return b
}

// CutOffOf returns when what a participant may erase must have been made at the latest:
// the earliest cut-off of its items, or the saga's. Zero: whenever it was made.
func (s State) CutOffOf(participant string) (at time.Time) {
	items := itemsOf(stamped(s.Items, s.CutOff), participant)
	if len(items) == 0 {
		return s.CutOff
	}
	for _, i := range items {
		if at.IsZero() || !i.CutOff.IsZero() && i.CutOff.Before(at) {
			at = i.CutOff
		}
	}
	return at
}

// asksTheSame reports whether a request asks for exactly what the saga does.
func (r *run) asksTheSame(in Requested) bool {
	sameItems := func(a, b []Item) bool {
		return !slices.ContainsFunc(a, func(i Item) bool { return !slices.ContainsFunc(b, i.is) })
	}
	return r.plan.covers(in.Plan) && in.Plan.covers(r.plan) && r.s.CutOff.IsZero() == in.CutOff.IsZero() &&
		sameItems(r.s.Items, in.Items) && sameItems(in.Items, r.s.Items)
}
