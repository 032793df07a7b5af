package saga

import (
	"slices"
	"sort"
	"time"
)

// Item is one thing that a participant holds. Hash is a keyed hash of its reference.
type Item struct {
	Participant string `json:"participant"`
	Kind        string `json:"kind"`
	Hash        string `json:"hash"`
	// CutOff, if set, is when the request for it came; without one the state's applies.
	CutOff time.Time `json:"cut_off,omitzero"`
}

// is reports whether both are about the same thing.
func (i Item) is(j Item) bool {
	return i.Participant == j.Participant && i.Kind == j.Kind && i.Hash == j.Hash
}

// Narrow returns the plan for an erasure of these participants' shares alone. Those who
// yield what they need stay as bystanders: they resolve, and nothing of theirs is touched.
// ok is false if a name is not in the plan.
func (p Plan) Narrow(names []string) (narrow Plan, ok bool) {
	return p.narrow(names, map[string]bool{})
}

// NarrowToFind is Narrow for a request that brings no user id: whoever can name it stays
// as well.
func (p Plan) NarrowToFind(names []string) (narrow Plan, ok bool) {
	keep := map[string]bool{}
	for _, s := range p.Participants {
		if s.names() {
			p.withYielders(s.Name, keep)
		}
	}
	return p.narrow(names, keep)
}

func (p Plan) narrow(names []string, keep map[string]bool) (narrow Plan, ok bool) {
	for _, name := range names {
		if s, in := p.Spec(name); !in || s.Bystander {
			return Plan{}, false
		}
		p.withYielders(name, keep)
	}
	narrow = p
	narrow.Participants, narrow.Scoped = nil, true
	for _, s := range p.Participants {
		if !keep[s.Name] {
			continue
		}
		s.Bystander = !slices.Contains(names, s.Name)
		in := func(a string) bool { return slices.Contains(names, a) }
		after := p.before(s.Name)
		s.After, s.Beyond = filter(after, in), filter(after, func(a string) bool { return !in(a) })
		if s.Bystander {
			s.After, s.Beyond, s.Suspends, s.MaxItems = nil, nil, false, 0
		}
		narrow.Participants = append(narrow.Participants, s)
	}
	return narrow, true
}

// before returns all that a participant comes after, directly or by way of others.
func (p Plan) before(name string) (names []string) {
	s, _ := p.Spec(name)
	names = union(s.After, s.Beyond)
	for i := 0; i < len(names); i++ {
		next, _ := p.Spec(names[i])
		names = union(names, union(next.After, next.Beyond))
	}
	slices.Sort(names)
	return names
}

// withYielders marks a participant, and everybody whom it learns identifiers from.
func (p Plan) withYielders(name string, keep map[string]bool) {
	if keep[name] {
		return
	}
	keep[name] = true
	s, _ := p.Spec(name)
	for _, by := range p.resolvedBy(s) {
		p.withYielders(by, keep)
	}
}

func filter(in []string, keep func(string) bool) (out []string) {
	for _, s := range in {
		if keep(s) {
			out = append(out, s)
		}
	}
	return out
}

// Erases returns the names of those whose shares the plan erases, sorted.
func (p Plan) Erases() (names []string) {
	for _, s := range p.Participants {
		if !s.Bystander {
			names = append(names, s.Name)
		}
	}
	return names
}

// covers reports whether everything that q erases is erased by a saga under p, too.
func (p Plan) covers(q Plan) bool {
	have := p.Erases()
	return p.Name == q.Name && !slices.ContainsFunc(q.Erases(), func(name string) bool { return !slices.Contains(have, name) })
}

// Union returns the plan that asks for all that p and q ask for, under p's name, and the
// more careful of two figures. It may be unfit, as when the two contradict each other on
// the order: see [Plan.Validate].
func (p Plan) Union(q Plan) Plan {
	u := p
	u.Scoped = p.Scoped && q.Scoped
	u.Quiet, u.Grace = max(p.Quiet, q.Quiet), max(p.Grace, q.Grace)
	u.Permit, u.Margin = max(p.Permit, q.Permit), max(p.Margin, q.Margin)
	u.Single = union(p.Single, q.Single)
	u.Participants = slices.Clone(p.Participants)
	for _, s := range q.Participants {
		i := slices.IndexFunc(u.Participants, func(t Spec) bool { return t.Name == s.Name })
		if i < 0 {
			u.Participants = append(u.Participants, s)
			continue
		}
		u.Participants[i] = u.Participants[i].union(s)
	}
	sort.Slice(u.Participants, func(i, j int) bool { return u.Participants[i].Name < u.Participants[j].Name })
	erases := u.Erases()
	for i := range u.Participants {
		s := &u.Participants[i]
		in := func(a string) bool { return slices.Contains(erases, a) }
		s.After, s.Beyond = union(s.After, filter(s.Beyond, in)), filter(s.Beyond, func(a string) bool { return !in(a) })
	}
	return u
}

func (s Spec) union(t Spec) Spec {
	s.After, s.Needs, s.Yields = union(s.After, t.After), union(s.Needs, t.Needs), union(s.Yields, t.Yields)
	if t.Unverified == "" {
		s.Unverified = "" // whoever can count by now is counted
	}
	s.Beyond = union(s.Beyond, t.Beyond)
	s.Suspends, s.Bystander = s.Suspends || t.Suspends, s.Bystander && t.Bystander
	if s.MaxItems == 0 || t.MaxItems > 0 && t.MaxItems < s.MaxItems {
		s.MaxItems = t.MaxItems
	}
	return s
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
