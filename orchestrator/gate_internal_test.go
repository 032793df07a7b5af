package orchestrator

import (
	"testing"
	"testing/synctest"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// atPivot has a saga of ada wait for the clock alone, which is believed by the next start.
func (d *desk) atPivot() saga.ID {
	d.t.Helper()
	d.o.distrust("it is a test")
	id := d.request(events.Request{UserID: "ada"})
	d.does(id, events.Resolve, resolved)
	if d.state(id).Brake == "" {
		d.t.Fatal("it is not kept from its pivot")
	}
	return id
}

// TestNothingPassesAHoldAtAStart: the process died before it could look at the saga for a hold
// that is on record, and the first news to the saga is that of the restart.
func TestNothingPassesAHoldAtAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.atPivot()
		d.commit(d.placed("h"))
		d.restart()
		d.commit(job{wake: &wake{saga: id}})
		if s := d.state(id); !s.Pivoted.IsZero() || s.Held("") == nil {
			t.Errorf("in %s, under %d holds", s.Phase, len(s.Holds))
		}
	})
}

// TestNothingPassesItsPivotBeforeARecoveryIsFoldedIn: what was cancelled after the backup is
// cancelled, though its saga is told of the restart first.
func TestNothingPassesItsPivotBeforeARecoveryIsFoldedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.atPivot()
		d.restart()
		d.o.found = &findings{order: []saga.ID{id}, sagas: map[saga.ID]*finding{id: {cancelled: true}}}
		var r Recovery
		d.commit(job{do: func(b *batch) (err error) { r, err = b.foldAll(d.o.found); return err }})
		if s := d.state(id); s.Phase != saga.Cancelled || len(r.HeldBack) != 0 {
			t.Errorf("in %s, held back: %v", s.Phase, r.HeldBack)
		}
	})
}

// TestNothingPassesItsPivotBeforeARestoreIsConfirmed: what the bus has lost may be a cancel, and
// whoever knows of it must not come too late.
func TestNothingPassesItsPivotBeforeARestoreIsConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.atPivot()
		d.commit(job{do: func(b *batch) error { b.meta(metaRestored, []byte("yes")); return nil }})
		d.restart()
		d.commit(job{wake: &wake{saga: id}})
		if s := d.state(id); !s.Pivoted.IsZero() {
			t.Errorf("in %s", s.Phase)
		}
		done := make(chan error)
		go func() { done <- d.o.ConfirmRecovered(t.Context(), "ada", "asked everybody") }()
		d.commitNext()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for len(d.o.jobs) > 0 {
			d.commitNext()
		}
		if s := d.state(id); s.Pivoted.IsZero() {
			t.Errorf("confirmed, and in %s: %s", s.Phase, s.Brake)
		}
	})
}

// commitNext commits the next job of those that wait.
func (d *desk) commitNext() {
	d.t.Helper()
	if err := d.o.commit(d.t.Context(), []job{<-d.o.jobs}); err != nil {
		d.t.Fatal(err)
	}
	d.publish()
}
