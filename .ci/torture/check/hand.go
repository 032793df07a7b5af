package check

import (
	"slices"

	"github.com/expunge-io/expunge/torture/record"
)

// deeds: an operator brings back by hand only what was suspended after a backup was taken
// that was put back. How to restore anything else is known, and a deed would hide that it
// was not done.
func (c *evidence) deeds() {
	for _, d := range c.ledger.Deeds {
		if !c.calledFor(d) {
			c.add(&c.f.Unrestored, "unrestored: the share of %s was suspended at %s and had to be brought back by hand at %s: no backup that was put back explains that",
				d.Participant, stamp(d.Suspended), stamp(d.At))
		}
	}
}

// calledFor reports whether the saga was called off, and what it needs to restore the share
// is lost. The orchestrator said so, or does not know the saga: then somebody else did.
func (c *evidence) calledFor(d record.Deed) bool {
	t := c.sagas[d.Saga]
	if t == nil || t.person != d.Person || t.state != cancelled && t.state != "" {
		return false
	}
	return slices.ContainsFunc(c.record.Restores, func(r record.Restore) bool {
		switch {
		case !r.Gone.Before(d.At) || !d.Suspended.After(r.Taken):
			return false
		case d.Told != "": // it cannot know whether the store that is gone suspended it before
			return t.asked.Before(r.Gone)
		}
		return c.byTheLost(r, d) && (t.state == "" || c.renamed(r, t))
	})
}

// byTheLost reports whether a share was suspended by a permit of a store that is gone.
func (c *evidence) byTheLost(r record.Restore, d record.Deed) bool {
	dead := r.Gone.Add(c.record.Terms.Life)
	suspension := record.Effect{Participant: d.Participant, At: d.Suspended}
	return !d.Suspended.After(dead) || c.stood(suspension, dead)
}

// renamed reports whether a saga is of a request that was lost with a store and sent again:
// what the saga before it had suspended it could not know to be suspended.
func (c *evidence) renamed(r record.Restore, t *story) bool {
	return slices.ContainsFunc(c.record.Requests, func(q record.Request) bool {
		return r.Names(q) && slices.Contains(q.Sagas(), t.id)
	})
}

// vanished reports whether a saga was called off and is lost since with the store that knew
// it: what it had suspended somebody brings back all the same.
func (c *evidence) vanished(t *story) bool {
	return t.state == "" && slices.ContainsFunc(c.record.Requests, func(q record.Request) bool {
		return slices.Contains(q.Sagas(), t.id) && c.calledOff(q) &&
			slices.ContainsFunc(c.record.Restores, func(r record.Restore) bool { return r.Loses(q) })
	})
}
