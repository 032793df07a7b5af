package orchestrator

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// TestAJobThatFailsHalfwayLeavesNothingInTheBatch with which others are committed.
func TestAJobThatFailsHalfwayLeavesNothingInTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare(), func(c *Config) { c.Ceilings.Overall = 1 })
		id := d.request(events.Request{UserID: "ada"})
		before := d.state(id)
		half := job{operate: func(b *batch) (events.Payload, error) {
			b.out.Holds = append(b.out.Holds, d.hold("h"))
			b.changeBrakes().On[overall] = "on"
			b.meta("half", []byte("x"))
			if _, err := b.request(d.fit(events.Request{UserID: "bob", IdempotencyKey: "k"})); err != nil {
				return nil, err
			}
			if _, err := b.input(id, saga.BoxLost{}); err != nil {
				return nil, err
			}
			b.waitFor(0)
			return nil, errHalf
		}}
		got := d.commit(half, job{request: d.fit(events.Request{UserID: "eve"})})
		if !errors.Is(got[0].err, errHalf) || got[1].err != nil {
			t.Fatalf("answers: %+v", got)
		}
		if s := d.state(id); s.Seq != before.Seq {
			t.Errorf("the saga moved on from entry %d to %d", before.Seq, s.Seq)
		}
		if len(d.o.holdings.all) != 0 || d.o.brakes.On[overall] != "" {
			t.Errorf("holds %v, brakes %v", d.o.holdings.all, d.o.brakes.On)
		}
		if _, err := d.store.Meta(t.Context(), "half"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("meta: %v", err)
		}
		if _, err := d.store.Request(t.Context(), d.o.cfg.Keys.Hash("idempotency", "billing", "k")); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("idempotency key: %v", err)
		}
		if n := d.o.cfg.Keys.Len(); n != 2 {
			t.Errorf("%d data keys, want those of ada and eve", n)
		}
		bob := d.request(events.Request{UserID: "bob", IdempotencyKey: "k"})
		if d.state(bob).Queued {
			t.Error("bob waits behind a saga that never was")
		}
	})
}

// TestASagaThatIsNotBroughtUpToDateIsNotUsed by the next job of the batch: nobody has
// compared it with the holds.
func TestASagaThatIsNotBroughtUpToDateIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.request(events.Request{UserID: "ada"})
		d.restart() // so that the saga is told of it first
		half := job{do: func(b *batch) error {
			if _, err := b.load(id); err != nil {
				return err
			}
			return errHalf
		}}
		var told []saga.ID
		got := d.commit(half, job{do: func(b *batch) error {
			_, err := b.load(id)
			told = b.told
			return err
		}})
		if !errors.Is(got[0].err, errHalf) || got[1].err != nil {
			t.Fatalf("answers: %+v", got)
		}
		if len(told) != 1 {
			t.Errorf("told of the restart: %v", told)
		}
	})
}

// TestAHoldCountsFromItsPlaceInTheBatch: whoever comes after it, in the same commit, is
// refused, also if the saga was looked at before it.
func TestAHoldCountsFromItsPlaceInTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.request(events.Request{UserID: "ada"})
		d.does(id, events.Resolve, resolved)
		if !d.state(id).Announced {
			t.Fatal("it is not to be erased yet")
		}
		got := d.commit(job{wake: &wake{saga: id}}, d.placed("h"), d.claim(id, events.Erase))
		if r, ok := got[2].payload.(events.Refusal); !ok || r.Reason != events.RefusedHeld {
			t.Errorf("claim after the hold: %+v %v", got[2].payload, got[2].err)
		}
		got = d.commit(job{wake: &wake{saga: id}}, job{do: func(b *batch) error {
			b.out.Released = append(b.out.Released, "h")
			return nil
		}}, d.claim(id, events.Erase))
		if _, ok := got[2].payload.(events.Permit); !ok {
			t.Errorf("claim after the release: %+v %v", got[2].payload, got[2].err)
		}
	})
}

func (d *desk) hold(id string) storage.Hold {
	return storage.Hold{Hold: saga.Hold{ID: id, Ground: "lawsuit", By: "counsel", At: time.Now()},
		On: d.o.cfg.Keys.HashAll(vault.Subject, "main", "ada")}
}

func (d *desk) placed(id string) job {
	return job{do: func(b *batch) error {
		b.out.Holds = append(b.out.Holds, d.hold(id))
		return nil
	}}
}
