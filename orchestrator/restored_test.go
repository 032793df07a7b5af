package orchestrator_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// allOut waits until the bus has everything.
func (r *rig) allOut() {
	r.t.Helper()
	eventually(r.t, "all is out", func() bool { return r.outbox() == 0 })
}

// TestTheFirstDecisionAfterABackupIsNotTakenForTheMark, whose batch has the same number.
func TestTheFirstDecisionAfterABackupIsNotTakenForTheMark(t *testing.T) {
	takeOver := false
	r := newRig(t, twoShares(), func(c *orchestrator.Config) { c.TakeOver = takeOver })
	r.lend = shortLease
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	r.allOut()
	copied := filepath.Join(t.TempDir(), "db")
	r.store.set(func(b storage.Batch) error {
		if len(b.Sagas) == 1 && b.Sagas[0].State.Phase == saga.Cancelled {
			copyFile(t, copied, r.store.path)
		}
		return nil
	})
	if _, err := c.Cancel(t.Context(), events.Cancel{Request: a.Request}); err != nil {
		t.Fatal(err)
	}
	r.allOut()
	r.stop()
	r.store.set(nil)
	_, _ = r.store.Close(), r.vault.Close()
	copyFile(t, r.store.path, copied)
	r.reopen()
	if err := orchestrator.MarkRestored(t.Context(), r.store, time.Now()); err != nil {
		t.Fatal(err)
	}
	takeOver = true
	r.start()
	if s := r.state(a.Saga); s.Phase != saga.Cancelled {
		t.Errorf("it is %s", s.Phase)
	}
}

// TestWhatEndedUnderAnotherBackupIsNotNamedAnyMore: the backup with a name on its list is
// put back after one that knew the request had it cancelled.
func TestWhatEndedUnderAnotherBackupIsNotNamedAnyMore(t *testing.T) {
	r := newRig(t, twoShares())
	before := r.backUp()
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	r.allOut()
	knows := r.backUp()
	before(nil)
	if left := r.orch.Recovery().Unknown; len(left) != 1 {
		t.Fatalf("unknown: %+v", left)
	}
	names := r.backUp()
	knows(nil)
	c, _ = r.client("billing")
	if _, err := c.Cancel(t.Context(), events.Cancel{Request: a.Request}); err != nil {
		t.Fatal(err)
	}
	r.allOut()
	names(nil)
	if left := r.orch.Recovery().Unknown; len(left) != 0 {
		t.Errorf("named: %+v", left)
	}
}

// TestTheNameOfAForgottenRequestIsNotUsedAgain: whoever cancels by it means the first one.
func TestTheNameOfAForgottenRequestIsNotUsedAgain(t *testing.T) {
	r := newRig(t, twoShares())
	r.unserved(person)
	restore := r.backUp()
	names := map[string]bool{}
	for range 3 {
		a, err := r.orch.Submit(t.Context(), "shop", events.Request{UserID: person})
		if err != nil {
			t.Fatal(err)
		}
		if names[a.Request] {
			t.Errorf("%s names two requests", a.Request)
		}
		names[a.Request] = true
		r.allOut()
		restore(nil)
		if left := r.orch.Recovery().Unknown; len(left) != len(names) {
			t.Errorf("unknown: %+v", left)
		}
	}
}

// TestADecisionThatIsPublishedLateReachesAYoungerBackup: it was made before that one was
// taken, and comes to the bus after, out of the outbox of another backup.
func TestADecisionThatIsPublishedLateReachesAYoungerBackup(t *testing.T) {
	r := newRig(t, twoShares())
	id := r.unserved(person)
	r.allOut()
	first := r.backUp()
	r.unserved("u-after-it")
	r.allOut()
	r.store.set(func(b storage.Batch) error { // it dies between commit and publish
		if len(b.Sagas) == 1 && b.Sagas[0].State.Phase == saga.Cancelled {
			return errorsAfter(r.store.Store, b)
		}
		return nil
	})
	c, _ := r.client("billing")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, _ = c.Cancel(ctx, events.Cancel{Request: id + ".1"}) }()
	<-r.ended
	cancel()
	r.stop = func() {}
	r.store.set(nil)
	decided := filepath.Join(t.TempDir(), "db")
	copyFile(t, decided, r.store.path)

	first(nil)
	if s := r.state(id); s.Phase == saga.Cancelled {
		t.Fatal("the bus knows of it")
	}
	younger := r.backUp()
	r.stop()
	_, _ = r.store.Close(), r.vault.Close()
	copyFile(t, r.store.path, decided)
	r.reopen()
	r.start()
	r.allOut()
	younger(nil)
	if s := r.state(id); s.Phase != saga.Cancelled {
		t.Errorf("it is %s", s.Phase)
	}
}

// TestWhatABackupDidNotSeeGoOutIsNotToldAgain: under a new number it would come after what was
// decided since, and a younger backup would take an old hold for a new one.
func TestWhatABackupDidNotSeeGoOutIsNotToldAgain(t *testing.T) {
	r := newRig(t, twoShares())
	unsent := filepath.Join(t.TempDir(), "db")
	r.store.after(func(b storage.Batch) { // between commit and publish
		if len(b.Outbox) > 0 && len(b.Sagas) == 1 && b.Sagas[0].State.Seq < 5 {
			copyFile(t, unsent, r.store.path)
			r.store.after(nil)
		}
	})
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	r.allOut()
	r.stop()
	_, _ = r.store.Close(), r.vault.Close()
	copyFile(t, r.store.path, unsent)
	r.reopen()
	if r.outbox() == 0 {
		t.Fatal("the backup has nothing to send")
	}
	if err := orchestrator.MarkRestored(t.Context(), r.store, time.Now()); err != nil {
		t.Fatal(err)
	}
	r.with = append(r.with, func(c *orchestrator.Config) { c.TakeOver = true })
	r.lend = shortLease
	r.remake(events.StreamCommands) // and with it all doorbells
	r.start()
	r.allOut()
	if n := r.counter("expunge_publish_duplicates_total"); n != 0 {
		t.Errorf("%d were published again", n)
	}
	if told := r.find(events.StreamEvents, "erasure.event.accepted.", a.Saga); len(told) != 1 {
		t.Errorf("accepted %d times", len(told))
	}
}

func errorsAfter(s storage.Store, b storage.Batch) error {
	if err := s.Commit(context.Background(), b); err != nil {
		return err
	}
	return errDisk
}

// TestTheEventOfAnEndFollowsItsSummary: a death in between must not leave an end that
// nobody can prove.
func TestTheEventOfAnEndFollowsItsSummary(t *testing.T) {
	r := newRig(t, twoShares())
	r.work()
	id, _ := r.erased(person)
	r.allOut()
	summary, end := r.find(events.StreamEvents, "erasure.summary.", id), r.find(events.StreamEvents, "erasure.event.finished.", id)
	if len(summary) != 1 || len(end) != 1 || summary[0].sequence > end[0].sequence {
		t.Errorf("summary %+v, event %+v", summary, end)
	}
}
