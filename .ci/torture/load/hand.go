package load

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/world"
)

// What an operator does after an old backup was put back: how to restore a share that was
// suspended since is gone with the newer store. The orchestrator says so, and waits.

// lostUndo is what it says.
var lostUndo = regexp.MustCompile(`([a-z-]+) restore: what it needs was lost, or is not in the backup .* bring the share back by hand, then waive`)

// parkedRestore reads whose share is to be brought back by hand.
func parkedRestore(explained string) (participant string, ok bool) {
	m := lostUndo.FindStringSubmatch(explained)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// byHand brings back what the orchestrator asks for, until ctx ends.
func (d *Driver) byHand(ctx context.Context) {
	for {
		a, err := d.operator.operate(ctx, events.Operation{Verb: events.OpExplain})
		for _, saga := range a.Sagas {
			err = errors.Join(err, d.mend(ctx, saga))
		}
		_ = err // the next round does what this one did not; a saga that stays parked does not end
		if pause(ctx, 2*time.Second) != nil {
			return
		}
	}
}

// mend looks why one saga is parked. The step is waived after the share was brought back,
// never before: who dies in between does both again.
func (d *Driver) mend(ctx context.Context, saga string) error {
	a, err := d.operator.operate(ctx, events.Operation{Verb: events.OpExplain, Saga: saga})
	if err != nil {
		return err
	}
	participant, ok := parkedRestore(a.Explain)
	if !ok {
		return nil
	}
	person := d.book.Person(saga)
	if person == "" {
		return nil // nobody was told of that saga yet; its source asks again
	}
	if err := d.world.BringBack(ctx, saga, person, participant, a.Explain); err != nil {
		return err
	}
	_, err = d.operator.operate(ctx, events.Operation{Verb: events.OpWaive, Saga: saga, Participant: participant, Step: events.Restore})
	return err
}

// forgotten brings back what a saga had suspended that the store which was put back knows
// nothing of, when nobody wants it any more: it was withdrawn, or sent again and withdrawn
// then. It is for the end, when nothing is under way.
func (d *Driver) forgotten(ctx context.Context) error {
	o := newOutcome(d.book.Record())
	for _, q := range o.record.Requests {
		sagas := q.Sagas()
		if len(sagas) == 0 || !o.spared[q.Person] {
			continue
		}
		last := sagas[len(sagas)-1]
		if o.ends[last] != "" && !o.named(q) {
			continue // whoever ended it has brought everything back
		}
		if err := d.world.BringBack(ctx, last, q.Person, world.Suspends, ""); err != nil {
			return fmt.Errorf("saga %s: %w", last, err)
		}
	}
	return nil
}

// outcome is what the clients know of who was erased.
type outcome struct {
	record record.Record
	ends   map[string]string // states by saga
	spared map[string]bool   // people whom nobody erases in the end
}

func newOutcome(r record.Record) *outcome {
	o := &outcome{record: r, ends: map[string]string{}, spared: map[string]bool{}}
	for _, e := range r.Ends {
		o.ends[e.Saga] = e.State
	}
	for _, q := range r.Requests {
		before, more := o.spared[q.Person]
		o.spared[q.Person] = o.spares(q) && (before || !more)
	}
	return o
}

// spares reports whether each saga of a request was cancelled, or is lost since it was.
func (o *outcome) spares(q record.Request) bool {
	withdrawn := slices.ContainsFunc(o.record.Cancels, func(c record.Cancel) bool { return c.Request == q.ID && c.Result != "" })
	for _, saga := range q.Sagas() {
		if end := o.ends[saga]; end != string(events.Cancelled) && (end != "" || !withdrawn) {
			return false
		}
	}
	return q.Saga != ""
}

// named reports whether somebody was told that a request is lost with a store.
func (o *outcome) named(q record.Request) bool {
	return slices.ContainsFunc(o.record.Restores, func(r record.Restore) bool { return r.Names(q) })
}
