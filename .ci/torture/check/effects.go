package check

import (
	"slices"
	"time"

	"github.com/expunge-io/expunge/torture/record"
)

// effects: each is in the time of a saga that may have had it, and nothing that was made
// again afterwards is gone.
func (c *evidence) effects() {
	for _, e := range c.ledger.Effects {
		c.effect(e)
	}
	for _, p := range c.ledger.People {
		for _, item := range p.Reborn {
			if !item.Left && !c.explained(p.ID, item) {
				c.add(&c.f.Doubled, "doubled: an item of %s that was made again at %s is gone, and no effect on it is known", c.name(p.ID), stamp(item.Made))
			}
		}
	}
}

// explained reports whether an effect on a reborn item is judged by itself.
func (c *evidence) explained(person string, item record.Item) bool {
	for _, e := range c.ledger.Effects {
		if e.Verb == record.Erase && e.Person == person && e.Key == item.Key && e.At.After(item.Made) {
			return true
		}
	}
	return false
}

// whose are the sagas that may have had to do with an effect, by what they are to it.
type whose struct {
	doers  []*story // under way at that time
	ended  *story   // had erased, and had ended
	called *story   // had been called off
}

func (c *evidence) whose(e record.Effect) (w whose) {
	for _, t := range c.of[e.Person] {
		switch {
		case t.asked.After(e.At): // not asked for yet
		case !t.called.at.IsZero() && e.At.After(t.called.at):
			w.called = t
		case t.erases() && e.At.After(t.ended):
			w.ended = t
		case t.erases() || t.state == "" || t.suspends(e):
			w.doers = append(w.doers, t)
		}
	}
	return w
}

// suspends reports whether a saga that was cancelled in the end may have had an effect: it
// is undone.
func (t *story) suspends(e record.Effect) bool {
	return t.graced && e.Verb == record.Suspend && e.At.Before(t.ended)
}

func (c *evidence) effect(e record.Effect) {
	w := c.whose(e)
	switch {
	case len(w.doers) > 0:
		c.tooEarly(e, w.doers)
	case w.called != nil && c.warned(w.called.called, e), w.ended != nil && c.stood(e, w.ended.ended):
		c.f.Excused++
	case w.ended != nil:
		c.add(&c.f.Doubled, "doubled: %s for %s at %s, after saga %s had ended at %s", what(e), c.name(e.Person), stamp(e.At), w.ended.id, stamp(w.ended.ended))
	case w.called != nil:
		c.add(&c.f.StaleEffects, "stale effect: %s for %s at %s, after the cancel of saga %s was answered at %s", what(e), c.name(e.Person), stamp(e.At), w.called.id, stamp(w.called.called.at))
	case c.unanswered(e):
	default:
		c.add(&c.f.EarlyEffects, "early effect: %s for %s at %s, whom no saga erases then", what(e), c.name(e.Person), stamp(e.At))
	}
}

// unanswered reports whether a request was sent that nobody ever answered: it may have been
// taken.
func (c *evidence) unanswered(e record.Effect) bool {
	return slices.ContainsFunc(c.record.Requests, func(q record.Request) bool {
		return q.Person == e.Person && q.Saga == "" && q.Sent.Before(e.At)
	})
}

// tooEarly: a saga that was seen before its pivot has erased nothing until then, nor before
// its grace was over. To suspend is what it does meanwhile.
func (c *evidence) tooEarly(e record.Effect, doers []*story) {
	for _, t := range doers {
		if t.graced && e.Verb == record.Suspend || !e.At.Before(c.pivot(t)) || c.putBack(e.At, c.pivot(t)) {
			return
		}
	}
	t := doers[0]
	c.add(&c.f.EarlyEffects, "early effect: %s for %s at %s, and saga %s was before its pivot until %s", what(e), c.name(e.Person), stamp(e.At), t.id, stamp(c.pivot(t)))
}

// putBack reports whether a backup was put back in between: a saga is then seen where it was
// when the backup was taken.
func (c *evidence) putBack(from, to time.Time) bool {
	return slices.ContainsFunc(c.record.Restores, func(r record.Restore) bool { return r.Gone.After(from) && r.Gone.Before(to) })
}

// pivot is the latest time of which it is known that a saga had not passed its pivot.
func (c *evidence) pivot(t *story) time.Time {
	over := t.asked.Add(c.record.Terms.Grace)
	skewed := c.ledger.Skewed
	if t.graced && over.After(t.before) && (skewed.IsZero() || over.Before(skewed)) {
		return over
	}
	return t.before
}

// name names a person by a saga of theirs: reasons are printed.
func (c *evidence) name(person string) string {
	if list := c.of[person]; len(list) > 0 {
		return "the person of saga " + list[0].id
	}
	return "somebody whom nobody asked to erase"
}

func what(e record.Effect) string { return string(e.Verb) + " of " + e.Participant }

func stamp(t time.Time) string { return t.UTC().Format("15:04:05.000") }
