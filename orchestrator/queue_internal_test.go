package orchestrator

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// item is a request for one account alone.
func item(reference events.Private) events.Request {
	return events.Request{UserID: "ada", Scope: &events.Scope{Items: []events.Item{{Participant: "account", Kind: "accounts", Reference: reference}}}}
}

// pastPivot has a saga of ada go past its pivot, so that what is asked for next is queued.
func (d *desk) pastPivot() saga.ID {
	d.t.Helper()
	id := d.request(events.Request{UserID: "ada"})
	d.does(id, events.Resolve, resolved)
	if !d.state(id).Announced {
		d.t.Fatal("it did not pass its pivot")
	}
	return id
}

// TestWhoWaitsComesBeforeWhoComes: the live saga ends by the time that passed, in the step
// that was to join another request to it.
func TestWhoWaitsComesBeforeWhoComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		d := newDesk(t, oneShare(), func(c *Config) { c.Now = func() time.Time { return now } })
		live := d.pastPivot()
		d.does(live, events.Erase, erased)
		d.commit(job{do: func(b *batch) error {
			h := d.hold("h")
			h.Until = now.Add(time.Hour)
			b.out.Holds = append(b.out.Holds, h)
			return nil
		}})
		d.does(live, events.Verify, counted)
		waits := d.request(events.Request{UserID: "ada", Regime: "ccpa"})
		if !d.state(waits).Queued || d.state(live).Phase.Final() {
			t.Fatal("it does not wait behind a saga that is held")
		}
		now = now.Add(2 * time.Hour)
		if came := d.request(item("one")); came != waits {
			t.Errorf("who came is in saga %s, and %s waited", came, waits)
		}
		if d.state(waits).Queued || !d.state(live).Phase.Final() {
			t.Error("who waited has not begun")
		}
	})
}

// hiccup is a store that cannot say who waits, once.
type hiccup struct {
	storage.Store
	fails bool
}

func (h *hiccup) BySlot(ctx context.Context, slot string) (saga.ID, error) {
	if h.fails && strings.HasPrefix(slot, "queued ") {
		h.fails = false
		return "", errHalf
	}
	return h.Store.BySlot(ctx, slot)
}

// TestWhoCouldNotBeginIsNotForgotten: it does not wait for its next wake-up, which may be a
// day away.
func TestWhoCouldNotBeginIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &hiccup{}
		d := newDesk(t, oneShare(), func(c *Config) { disk.Store, c.Store = c.Store, disk })
		live := d.pastPivot()
		waits := d.request(events.Request{UserID: "ada", Regime: "ccpa"})
		d.does(live, events.Erase, erased)
		disk.fails = true
		d.does(live, events.Verify, counted)
		if !d.state(waits).Queued || !d.state(live).Phase.Final() || disk.fails {
			t.Fatal("nothing kept it from beginning")
		}
		time.Sleep(retryWake)
		synctest.Wait()
		if len(d.o.jobs) != 1 {
			t.Fatalf("%d jobs for the writer", len(d.o.jobs))
		}
		if a := d.commit(<-d.o.jobs)[0]; a.err != nil || d.state(waits).Queued {
			t.Errorf("it waits: %v", a.err)
		}
	})
}
