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
		if e.Person == person && e.Key == item.Key && e.At.After(item.Made) {
			return true
		}
	}
	return false
}

// whose are the sagas that may have had to do with an effect, by what they are to it.
type whose struct {
	erasers []*story // under way at that time, and in the end they erased
	ended   *story   // had erased, and had ended
	called  *story   // had been called off
}

func (c *evidence) whose(e record.Effect) (w whose) {
	for _, t := range c.of[e.Person] {
		if t.asked.After(e.At) {
			continue // not asked for yet
		}
		switch {
		case t.erases() && e.At.After(t.ended):
			w.ended = t
		case t.erases() || t.state == "":
			w.erasers = append(w.erasers, t)
		case !t.cancelled.IsZero() && e.At.After(t.cancelled):
			w.called = t
		}
	}
	return w
}

func (c *evidence) effect(e record.Effect) {
	w := c.whose(e)
	switch {
	case len(w.erasers) > 0:
		c.tooEarly(e, w.erasers)
	case w.ended != nil && c.excused(e.At):
		c.f.Excused++
	case w.ended != nil:
		c.add(&c.f.Doubled, "doubled: an effect for %s at %s, after saga %s had ended at %s", c.name(e.Person), stamp(e.At), w.ended.id, stamp(w.ended.ended))
	case w.called != nil && c.excused(e.At):
		c.f.Excused++
	case w.called != nil:
		c.add(&c.f.StaleEffects, "stale effect: for %s at %s, after the cancel of saga %s was answered at %s", c.name(e.Person), stamp(e.At), w.called.id, stamp(w.called.cancelled))
	case c.unanswered(e):
	default:
		c.add(&c.f.EarlyEffects, "early effect: for %s at %s, whom no saga erases then", c.name(e.Person), stamp(e.At))
	}
}

// unanswered reports whether a request was sent that nobody ever answered: it may have been
// taken.
func (c *evidence) unanswered(e record.Effect) bool {
	return slices.ContainsFunc(c.record.Requests, func(q record.Request) bool {
		return q.Person == e.Person && q.Saga == "" && q.Sent.Before(e.At)
	})
}

// tooEarly: a saga that was seen before its pivot has had no effect until then.
func (c *evidence) tooEarly(e record.Effect, erasers []*story) {
	for _, t := range erasers {
		if !e.At.Before(t.before) {
			return
		}
	}
	t := erasers[0]
	c.add(&c.f.EarlyEffects, "early effect: for %s at %s, and saga %s was before its pivot at %s", c.name(e.Person), stamp(e.At), t.id, stamp(t.before))
}

func (c *evidence) excused(at time.Time) bool {
	for _, f := range c.ledger.Freezes {
		if at.After(f.To) && at.Before(f.To.Add(freezeExcuse)) {
			return true
		}
	}
	return false
}

// name names a person by a saga of theirs: reasons are printed.
func (c *evidence) name(person string) string {
	if list := c.of[person]; len(list) > 0 {
		return "the person of saga " + list[0].id
	}
	return "somebody whom nobody asked to erase"
}

func stamp(t time.Time) string { return t.UTC().Format("15:04:05.000") }
