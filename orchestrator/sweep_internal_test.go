package orchestrator

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// sweeps is the start that follows on a death, up to the sweep, and sweeps once more.
func (d *desk) sweeps() {
	d.t.Helper()
	d.restart()
	d.o.out = map[string]bool{}
	if err := d.o.recoverOutbox(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.sweep()
	d.sweep()
}

func (d *desk) sweep() {
	d.t.Helper()
	if _, err := d.o.sweepKeys(d.t.Context(), false); err != nil {
		d.t.Fatal(err)
	}
}

// ends commits the end of a saga, of which the bus takes nothing.
func (d *desk) ends(id saga.ID) {
	d.t.Helper()
	b := d.o.newBatch(d.t.Context())
	b.take(job{do: func(b *batch) error {
		_, err := b.input(id, saga.CancelAll{By: "ada", Ground: "looked"})
		return err
	}})
	if err := d.o.store(b); err != nil {
		d.t.Fatal(err)
	}
	if err := d.o.committed(b); err != nil {
		d.t.Fatal(err)
	}
	if !d.state(id).Phase.Final() {
		d.t.Fatal("it did not end")
	}
}

// TestAKeyWaitsForTheBusToHaveTheEnd, over starts, and for a day at most.
func TestAKeyWaitsForTheBusToHaveTheEnd(t *testing.T) {
	for name, goes := range map[string]func(*desk){
		"the bus takes it":     func(d *desk) { d.publish(); d.flush() },
		"the bus had taken it": func(d *desk) { d.had() },
		"a day has passed":     func(d *desk) { time.Sleep(keyPatience + time.Second); d.sweep() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, oneShare())
				id := d.request(events.Request{UserID: "ada"})
				d.flush()
				d.ends(id)
				d.sweeps()
				if !d.o.cfg.Keys.Has(id) {
					t.Fatal("it is gone, and nobody but the store knows of the end")
				}
				if goes(d); d.o.cfg.Keys.Has(id) {
					t.Error("it is still there")
				}
				if name != "a day has passed" && d.o.relay.ending(id, time.Time{}) {
					t.Error("its end is waited for")
				}
			})
		})
	}
}

// had is a start at which the bus turns out to have all that is in the outbox.
func (d *desk) had() {
	d.restart()
	d.o.out = map[string]bool{}
	for m, err := range d.store.Outbox(d.t.Context()) {
		if err != nil {
			d.t.Fatal(err)
		}
		d.o.out[m.MsgID] = true
	}
	if err := d.o.recoverOutbox(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.flush()
}

// TestAKeyDoesNotWaitForABusThatIsAwayForGood: the orchestrator does not hold it any more.
func TestAKeyDoesNotWaitForABusThatIsAwayForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.request(events.Request{UserID: "ada"})
		d.flush()
		d.ends(id)
		d.o.held = func() bool { return false }
		ctx, stop := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		parts.Go(func() { _ = d.o.write(ctx) })
		parts.Go(func() { d.o.keepUp(ctx) })
		time.Sleep(keyPatience - time.Hour)
		if !d.o.cfg.Keys.Has(id) {
			t.Error("it is gone too early")
		}
		time.Sleep(3 * time.Hour)
		if d.o.cfg.Keys.Has(id) {
			t.Error("it is still there")
		}
		stop()
		parts.Wait()
	})
}
