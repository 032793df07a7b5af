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
	case !r.reseals(in):
		r.halt(boxLost)
	default:
		r.record(Entry{Kind: KResealed, Identifiers: in.Identifiers})
	}
}

const boxLost = "its sealed identifiers cannot be read: restore the keys file, or the key-encryption key; or send the request again, which seals them anew"

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
	s.Halted = ""
	s.Lost = append(s.missing(), s.Identifiers...)
	s.Identifiers = slices.Clone(e.Identifiers)
	s.Lost = s.missing()
	if !s.knows(Identifier{Type: UserID, Hash: s.Named}) {
		s.Named, s.Ambiguous = "", ""
	}
	s.renew(Resolve, e, func(h *Share) bool { return h.Resolve.Status != "" && h.Verdict != Waived })
	for _, v := range []Verb{Suspend, Restore, Erase} {
		s.renewOpen(v, e)
	}
	for i := range s.Shares {
		h := &s.Shares[i]
		h.UndoLost, h.Undo = h.UndoLost || h.Undo != "", ""
	}
	if s.Phase == Erasing || s.Phase == Verifying {
		s.Phase, s.Announced, s.QuietUntil, s.Quieted = Resolving, false, time.Time{}, false
	}
}

// renewOpen begins a new round of the steps of a verb that are not closed: a permit that is out
// may be handed out again, and would then say less than it did.
func (s *State) renewOpen(v Verb, e Entry) {
	maybe := map[string]bool{}
	for _, h := range s.Shares {
		t := h.Step(v)
		maybe[h.Name] = t.MaybeDone || slices.ContainsFunc(t.Permits, Permit.out)
	}
	open := func(h *Share) bool {
		t := h.Step(v)
		return t.Status != "" && t.Status != Reported && (t.Status != Waiting || len(t.Permits) > 0)
	}
	s.renew(v, e, open)
	for i := range s.Shares {
		if h := &s.Shares[i]; open(h) {
			h.Step(v).MaybeDone = maybe[h.Name]
		}
	}
}

// missing returns the identifiers whose values were lost, and that nobody named since, each once.
func (s *State) missing() (out []Identifier) {
	for _, id := range s.Lost {
		if !s.knows(id) && !slices.ContainsFunc(out, id.is) {
			out = append(out, id)
		}
	}
	return out
}

// lostTypes returns the types of lost values by which a share is erased, each once.
func (r *run) lostTypes() (types []string) {
	for _, id := range r.s.missing() {
		if id.Type != UserID && r.erasedBy(id.Type) {
			types = union(types, []string{id.Type})
		}
	}
	return types
}

// doubtLost has an operator look at what a share can no longer be found by.
func (r *run) doubtLost(types []string) {
	r.doubt(lostValues + strings.Join(types, " and the ") + ": see to it that nothing is left that is kept by it, then resume")
}
