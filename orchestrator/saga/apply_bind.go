package saga

// bind applies that a saga has its subject.
func (s *State) bind(e Entry) {
	s.Unbound, s.Blocked, s.Subject = false, "", e.Subject
	for _, id := range e.Identifiers {
		if id.From != "" || len(s.unknownOf([]Identifier{id})) > 0 {
			s.Identifiers = append(s.Identifiers, id)
		}
	}
	s.renew(Resolve, e, func(h *Share) bool { return h.Resolve.Status != "" && h.Verdict != Waived })
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
