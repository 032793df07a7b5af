package check

import (
	"slices"
	"time"

	"github.com/expunge-io/expunge/torture/record"
)

// afterThaw is how long after a worker was thawed the call comes that it stood in.
const afterThaw = 500 * time.Millisecond

// warned reports whether the answer to a decision told of an effect: it came of a permit
// that the answer listed as alive, and in its life.
func (c *evidence) warned(d decision, e record.Effect) bool {
	if !slices.Contains(d.alive, record.Permit{Participant: e.Participant, Verb: e.Verb}) {
		return false
	}
	dead := d.at.Add(c.record.Terms.Life) // at the latest: it was granted before the answer
	return !e.At.After(dead) || c.stood(e, dead)
}

// stood reports whether an effect is that of a worker which was stopped before a time, and
// so perhaps inside one call: between its look at the clock and the end of its system call
// nobody can hold it back, and the call can only repeat what its permit allowed.
func (c *evidence) stood(e record.Effect, before time.Time) bool {
	return slices.ContainsFunc(c.ledger.Freezes, func(f record.Freeze) bool {
		return slices.Contains(f.Participants, e.Participant) && f.From.Before(before) &&
			e.At.After(f.From) && e.At.Before(f.To.Add(afterThaw))
	})
}

// holds: between the answer to a hold and the call that releases it nothing is erased.
func (c *evidence) holds() {
	for _, h := range c.record.Holds {
		if h.Answered.IsZero() || c.undone(h.Answered, h.Kept) {
			continue
		}
		for _, e := range c.ledger.Effects {
			c.underHold(h, e)
		}
	}
}

func (c *evidence) underHold(h record.Hold, e record.Effect) {
	switch {
	case e.Verb != record.Erase || e.Person != h.Person || h.Participant != "" && e.Participant != h.Participant:
	case !e.At.After(h.Answered) || !h.Ending.IsZero() && e.At.After(h.Ending):
	case c.warned(decision{h.Answered, h.Alive}, e):
		c.f.Excused++
	default:
		c.add(&c.f.HeldEffects, "held effect: %s for %s at %s, under the hold that was answered at %s", what(e), c.name(e.Person), stamp(e.At), stamp(h.Answered))
	}
}
