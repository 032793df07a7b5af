package saga

import "slices"

// bind applies that a saga has its subject. What was yielded before was said without the user
// id, and may be somebody else's: what is theirs is yielded again, and so is that they are known.
func (s *State) bind(e Entry) {
	s.Unbound, s.Blocked, s.Subject, s.Lost = false, "", e.Subject, nil
	s.Identifiers = slices.DeleteFunc(slices.Clone(s.Identifiers), func(id Identifier) bool { return id.From != "" && id.Type != UserID })
	for _, id := range e.Identifiers {
		if id.From != "" || !s.knows(id) {
			s.Identifiers = append(s.Identifiers, id)
		}
	}
	s.renew(Resolve, e, func(h *Share) bool { return h.Resolve.Status != "" && h.Verdict != Waived })
	for i := range s.Shares {
		s.Shares[i].Known = s.Shares[i].Known && s.Shares[i].Verdict == Waived
	}
}

// changeBinding applies what leads to a binding.
func (s *State) changeBinding(e Entry) {
	switch e.Kind {
	case KAmbiguous:
		s.Ambiguous, s.Blocked = e.Reason, ""
	case KBlocked:
		s.Blocked = ID(e.Reason)
	case KNamed:
		s.Ambiguous = ""
		s.Identifiers = append(s.Identifiers, s.unknownOf(e.Identifiers)...)
		for _, id := range e.Identifiers {
			s.Named = id.Hash
		}
	case KBound:
		s.bind(e)
	}
}
