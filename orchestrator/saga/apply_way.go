package saga

import (
	"slices"
	"strings"
)

// changeWay applies what comes into the saga's way, and what goes out of it.
func (s *State) changeWay(e Entry) error {
	switch e.Kind {
	case KHalted:
		s.Halted = e.Reason
	case KResumed:
		s.Halted = ""
	case KHeld:
		if e.Hold != nil {
			s.Holds = append(s.unheld(e.Hold.ID), *e.Hold)
		}
	case KReleased:
		s.Holds = s.unheld(e.Reason)
	case KBraked, KUnbraked:
		s.brake(e)
	case KDoubted:
		s.Doubt = e.Reason
		s.askLost(e.Identifiers)
	case KSettled:
		s.Unvouched = s.Unvouched && !strings.HasPrefix(s.Doubt, unvouched)
		s.settleLost(e)
		s.Doubt = ""
	}
	return nil
}

func (s *State) unheld(id string) []Hold {
	return slices.DeleteFunc(slices.Clone(s.Holds), func(h Hold) bool { return h.ID == id })
}

func (s *State) brake(e Entry) {
	h := s.Share(e.Participant)
	switch {
	case h == nil:
		s.Brake = e.Reason
	case e.Kind == KUnbraked:
		h.Brake, h.Unbraked = "", true
	default:
		h.Brake = e.Reason
	}
}
