package saga

import (
	"fmt"
	"strings"
	"time"
)

// Explain says in one line what a saga waits for, whose turn it is, since when, and until
// when, as far as the saga knows.
func Explain(p Plan, s State, now time.Time) string {
	switch {
	case s.ID == "":
		return "it does not exist"
	case s.Phase.Final():
		return fmt.Sprintf("it ended as %s at %s", s.Phase, stamp(s.Ended))
	case s.Queued:
		return "it waits for the subject's live saga to end"
	case s.Stuck() != "":
		return "an operator must act: " + s.Stuck()
	case s.Phase == Resolving && now.Before(s.NotBefore):
		return "it begins at " + stamp(s.NotBefore)
	case s.Blocked != "":
		return "it is found to be about somebody whose saga " + string(s.Blocked) + " is under way: it begins when that one has ended"
	case s.GraceUntil.After(now):
		return "the grace ends at " + stamp(s.GraceUntil) + "; a cancel brings everything back until then"
	case !s.Pivoted.IsZero() && !s.Announced && s.Phase == Erasing:
		return "the pivot is passed; it is acted on when the bus has taken the event"
	case s.Phase == Restoring && s.lateUntil().After(now) && s.opened() == "":
		return "everything is brought back; a permit to suspend may still be acted on late, so it stays open until " + stamp(s.lateUntil())
	}
	if line := s.waitsFor(); line != "" {
		return line
	}
	if s.asks(now) {
		return "nothing of its own is in the way of the pivot: it waits to be let through"
	}
	at, _ := s.Wake(p, now)
	return "it waits for a permit that may still be acted on, at the latest until " + stamp(at)
}

func (s *State) waitsFor() string {
	var held []string
	for _, h := range s.Shares {
		if hold := s.Held(h.Name); hold != nil && h.Erase.Status != Reported && h.Erase.Status != "" {
			held = append(held, h.Name)
		}
	}
	line := s.opened()
	switch {
	case line == "" && s.Held("") != nil:
		return heldLine("the whole erasure", *s.Held(""))
	case line == "" && len(held) > 0:
		return heldLine(strings.Join(held, ", "), *s.Held(held[0]))
	case line == "" && !s.QuietUntil.IsZero():
		return "it is counted once more at " + stamp(s.QuietUntil)
	}
	return line
}

func heldLine(what string, h Hold) string {
	line := what + ": held since " + stamp(h.At) + " by " + h.By + " (" + h.Ground + ")"
	if h.Until.IsZero() {
		return line + ", until it is released"
	}
	return line + ", until " + stamp(h.Until)
}

// opened describes the first step that somebody is to act on.
func (s *State) opened() (line string) {
	s.each(func(h *Share, v Verb, t *Step) {
		if line == "" {
			line = t.describe(h.Name + " " + string(v))
		}
	})
	return line
}

func (t *Step) describe(what string) string {
	switch t.Status {
	case Open:
		return fmt.Sprintf("%s: no worker has claimed it since %s", what, stamp(t.Since))
	case Granted:
		if q := t.newest(); q != nil {
			return fmt.Sprintf("%s: worker %s is at it since %s (attempt %d), its permit is good until %s", what, q.Instance, stamp(q.Granted), q.Attempt, stamp(q.Dead))
		}
	case Delayed:
		return fmt.Sprintf("%s: %s; tried again at %s", what, t.Reason, stamp(t.Until))
	case Parked:
		return what + ": an operator must act: " + t.Reason
	case Waiting, Reported:
	}
	return ""
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
