package orchestrator

import (
	"slices"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// gate answers a saga that asks whose it is, or asks to pass its pivot: nothing of its own
// is in the way, and what is left to look at is the world around it.
func (b *batch) gate(l *loaded, effects []saga.Effect) error {
	for _, e := range effects {
		if who, ok := e.(saga.AskSubject); ok {
			return b.bind(l, who.User)
		}
	}
	asks := func(e saga.Effect) bool { _, ok := e.(saga.AskPivot); return ok }
	if !slices.ContainsFunc(effects, asks) {
		return nil
	}
	// It may ask with the first that it is told since a start, and was not compared yet.
	seq := l.state.Seq
	if err := b.holdOn(l, hashes(l.state)); err != nil || l.state.Seq != seq {
		return err
	}
	if from, news := b.had[l.state.ID]; news { // it may be told something with the last look
		if err := b.compareOwners(l, from); err != nil || l.state.Doubt != "" {
			return err
		}
	}
	if why := b.inTheWay(l); why != "" {
		_, err := b.step(l, saga.Braked{Reason: why})
		return err
	}
	if !l.sealing { // past the pivot nobody could serve it, or call it off
		if err := b.readable(l); err != nil || l.state.Halted != "" {
			return err
		}
	}
	_, err := b.step(l, saga.Cleared{})
	if err == nil {
		b.passed(l)
	}
	return err
}

// inTheWay returns why no saga, or none like this one, may pass its pivot now; or "".
func (b *batch) inTheWay(l *loaded) string {
	if b.o.found != nil {
		return "the store was put back, and what was decided since is not folded in yet"
	}
	if b.o.bars.unsure() {
		return "the store was put back, and the bus cannot tell what was decided since: confirm it (confirm_restore)"
	}
	if why := b.o.trust.why(); why != "" {
		return "the clock is in doubt: " + why
	}
	return b.ceiling(l)
}
