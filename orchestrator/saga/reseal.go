package saga

import (
	"slices"
	"strings"
	"time"
)

// A saga whose sealed identifiers are lost can go on by what a request for the same subject
// brings. All else that it was known by must be named again, by those who named it; what
// nobody names any more may be all that a share can be found by, and an operator must look.

const lostValues = "the sealed values were lost, and nobody names again the "

// resealed goes on by what was sealed anew, if that is enough to ask everybody by.
func (r *run) resealed(in Resealed) {
	switch {
	case r.s.Phase.Final():
	case r.s.Phase == Restoring, !r.reseals(in): // what was suspended is brought back by what was sealed
		r.halt(r.s.boxLost())
	default:
		r.record(Entry{Kind: KResealed, Identifiers: in.Identifiers})
	}
}

// boxLost says why nothing is permitted, and what to do.
func (s *State) boxLost() string {
	if s.Phase == Restoring {
		return "its sealed values cannot be read: restore the keys file, or the key-encryption key; if there is none, " +
			"bring back by hand what was suspended, and waive that"
	}
	what := "a request for the same user id"
	switch {
	case s.Unbound:
		what = "the same request, sent again,"
	case len(s.Items) > 0:
		what += " with all of its items"
	}
	return "its sealed identifiers cannot be read: restore the keys file, or the key-encryption key, before anything else; " +
		what + " seals it anew, and then the old keys file opens it no more"
}

// reseals reports whether a new box holds what no participant could name: whom the saga is
// about, and the items that it is narrowed to.
func (r *run) reseals(in Resealed) bool {
	lacks := func(i Item) bool { return !slices.ContainsFunc(in.Items, i.is) }
	if slices.ContainsFunc(r.s.Items, lacks) {
		return false
	}
	if r.s.Unbound {
		return !slices.ContainsFunc(r.s.Identifiers, func(id Identifier) bool {
			return id.From == "" && id.Type != UserID && !slices.ContainsFunc(in.Identifiers, id.is)
		})
	}
	return slices.ContainsFunc(in.Identifiers, func(id Identifier) bool { return id.Type == UserID && r.s.knows(id) })
}

func (s *State) knows(id Identifier) bool { return slices.ContainsFunc(s.Identifiers, id.is) }

// is reports whether both are one value.
func (id Identifier) is(other Identifier) bool { return id.Type == other.Type && id.Hash == other.Hash }

// reseal applies that the values of these identifiers are sealed, and of no others. Whoever
// acts by what was known before is waited for, and everybody is asked again.
func (s *State) reseal(e Entry) {
	s.Halted, s.Blocked = "", ""
	had := slices.Clone(s.Identifiers)
	for _, l := range s.Lost {
		had = append(had, l.Identifier) // who else named it before is not forgotten
	}
	s.Lost = s.missing() // what was named since is lost anew
	s.Identifiers = slices.Clone(e.Identifiers)
	for _, id := range had {
		if !s.knows(id) {
			s.lose(id)
		}
	}
	if !s.knows(Identifier{Type: UserID, Hash: s.Named}) {
		s.Named, s.Ambiguous = "", ""
	}
	s.renew(Resolve, e, func(h *Share) bool { return h.Resolve.Status != "" && h.Verdict != Waived })
	for _, v := range []Verb{Suspend, Restore, Erase, Verify} {
		s.renewOut(v, e)
	}
	for i := range s.Shares {
		h := &s.Shares[i]
		h.UndoLost, h.Undo = h.UndoLost || h.Undo != "", ""
	}
	if s.Phase == Erasing || s.Phase == Verifying {
		s.Phase, s.Announced, s.QuietUntil, s.Quieted = Resolving, false, time.Time{}, false
	}
}

// lose keeps an identifier among the lost ones, once. What a system says outweighs who asks.
func (s *State) lose(id Identifier) {
	i := slices.IndexFunc(s.Lost, func(l LostValue) bool { return l.is(id) })
	switch {
	case i < 0:
		s.Lost = append(s.Lost, LostValue{Identifier: id})
	case s.Lost[i].From == "":
		s.Lost[i].From = id.From
	}
}

// renewOut begins a new round of the steps of a verb that are under way: a permit that is out
// may be handed out again, and would then say less than it did. What is parked stays so.
func (s *State) renewOut(v Verb, e Entry) {
	maybe := map[string]bool{}
	for _, h := range s.Shares {
		t := h.Step(v)
		under := t.Status == Open || t.Status == Granted || t.Status == Delayed || t.Status == Waiting && len(t.Permits) > 0
		if under {
			maybe[h.Name] = t.MaybeDone || slices.ContainsFunc(t.Permits, Permit.out)
		}
	}
	s.renew(v, e, func(h *Share) bool { _, under := maybe[h.Name]; return under })
	for name, done := range maybe {
		s.Share(name).Step(v).MaybeDone = done
	}
}

// missing returns the identifiers whose values were lost, and that nobody named since.
func (s *State) missing() (out []LostValue) {
	for _, l := range s.Lost {
		if !s.knows(l.Identifier) {
			out = append(out, l)
		}
	}
	return out
}

// EverKnown are the identifiers, and those whose values were lost: they are the person's as well.
func (s State) EverKnown() []Identifier {
	out := slices.Clip(s.Identifiers)
	for _, l := range s.missing() {
		out = append(out, l.Identifier)
	}
	return out
}

// doubtLost has an operator look at what shares can no longer be found by: the types of lost
// values by which something is erased, and that nobody was asked about.
func (r *run) doubtLost() {
	var types []string
	var about []Identifier
	mistyped := ""
	for _, l := range r.s.missing() {
		if l.Type == UserID || l.Asked || l.By != "" || !r.erasedBy(l.Type) {
			continue
		}
		types, about = union(types, []string{l.Type}), append(about, l.Identifier)
		if l.From == "" && r.s.Unvouched {
			mistyped = "; no system had said of what the request brought that it is this person's"
		}
	}
	if len(types) > 0 {
		r.doubt(lostValues+strings.Join(types, " and the ")+mistyped+": see to it that nothing is left that is kept by it, then resume", about...)
	}
}

// askLost applies that the doubt that stands is about these values too.
func (s *State) askLost(about []Identifier) {
	for i, l := range s.Lost {
		s.Lost[i].Asked = l.Asked || slices.ContainsFunc(about, l.is)
	}
}

// settleLost applies that an operator has looked at what they were asked about. It is known
// still: a hold on it lies on the saga, and it is not another person's.
func (s *State) settleLost(e Entry) {
	for i := range s.Lost {
		if l := &s.Lost[i]; l.Asked {
			l.Asked, l.By, l.Ground = false, e.By, e.Ground
		}
	}
}

// Blind returns the lost values by which a participant's share was found, or that led to what it
// was found by. What it counts without them proves nothing; an operator has looked, and the end
// says so.
func (s State) Blind(p Plan, spec Spec) (lost []LostValue) {
	for _, l := range s.missing() {
		if by := p.ledTo(l.Type); l.Type != UserID && (overlap(spec.Needs, by) || slices.Contains(spec.Yields, l.Type)) {
			lost = append(lost, l)
		}
	}
	return lost
}

// Learns reports whether a share is found by what systems name, and not by the user id alone.
func (p Plan) Learns(spec Spec) bool {
	return slices.ContainsFunc(union(spec.Needs, spec.Yields), func(typ string) bool {
		return typ != UserID && len(p.yielders(typ)) > 0
	})
}

// ledTo returns a type, and those that are learnt by it, but for the user id.
func (p Plan) ledTo(typ string) []string {
	types := []string{typ}
	for range p.Participants {
		for _, s := range p.Participants {
			if overlap(s.Needs, types) {
				types = union(types, slices.DeleteFunc(slices.Clone(s.Yields), func(y string) bool { return y == UserID }))
			}
		}
	}
	return types
}

// sees reports whether a share is found by all that it was found by.
func (r *run) sees(h *Share) bool {
	spec, _ := r.plan.Spec(h.Name)
	return len(r.s.Blind(r.plan, spec)) == 0
}
