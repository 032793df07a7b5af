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

// putBack starts an orchestrator on a copy of the store, with the keys as they are.
func (r *rig) putBack(copied string, marked bool) {
	r.t.Helper()
	_, _ = r.store.Close(), r.vault.Close()
	copyFile(r.t, r.store.path, copied)
	r.reopen()
	if marked {
		if err := orchestrator.MarkRestored(r.t.Context(), r.store, time.Now()); err != nil {
			r.t.Fatal(err)
		}
	}
	r.start()
}

// copyStore copies the store of an orchestrator that is stopped for it.
func (r *rig) copyStore() (path string) {
	r.t.Helper()
	path = filepath.Join(r.t.TempDir(), "db")
	r.stop()
	copyFile(r.t, path, r.store.path)
	return path
}

// TestTheWrongBackupDestroysNoKeys: an older one than meant was put back, by command or by
// hand, and started more than once; then the newer one is. What that knows can be unsealed.
func TestTheWrongBackupDestroysNoKeys(t *testing.T) {
	for name, marked := range map[string]bool{"by command": true, "by hand": false} {
		t.Run(name, func(t *testing.T) {
			takeOver := false
			r := newRig(t, twoShares(), func(c *orchestrator.Config) { c.TakeOver = takeOver })
			r.lend = shortLease
			r.restart()
			known := r.unserved("u-known-to-both")
			r.allOut()
			older := r.copyStore()
			r.start()
			id := r.unserved(person)
			r.allOut()
			newer := r.copyStore()

			takeOver = true
			r.putBack(older, marked)
			r.restart()
			if left := r.orch.Recovery(); !left.KeysKept {
				t.Errorf("left for an operator: %+v", left)
			}
			if !r.vault.Has(saga.ID(known)) {
				t.Error("the key of a saga under way is gone")
			}
			r.stop()

			r.putBack(newer, marked)
			if !r.unseals(id) {
				t.Error("what the newer store sealed cannot be read")
			}
			if left := r.orch.Recovery(); left.KeysKept {
				t.Errorf("left for an operator: %+v", left)
			}
		})
	}
}

// unseals reports whether the box of a saga can be read.
func (r *rig) unseals(id string) bool {
	r.t.Helper()
	box, err := r.store.Vault(r.t.Context(), saga.ID(id))
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.vault.Open(saga.ID(id), box)
	return err == nil
}

// lacking is a saga of which the store knows nothing, and whose data key is there.
const lacking saga.ID = "01a21380-0000-7000-8000-000000000000"

// copyBeforeLacking returns a copy of the store, and leaves the orchestrator stopped, after a
// start since, with the key of lacking.
func (r *rig) copyBeforeLacking() (older string) {
	r.t.Helper()
	r.allOut()
	older = r.copyStore()
	r.start()
	r.stop()
	if err := r.vault.Create(lacking); err != nil {
		r.t.Fatal(err)
	}
	return older
}

// TestAConfirmedRestoreDestroysTheKeysOfWhatItLacks, also if the bus tells of nothing that it
// lacks: it may have been committed and not published.
func TestAConfirmedRestoreDestroysTheKeysOfWhatItLacks(t *testing.T) {
	takeOver := false
	r := newRig(t, twoShares(), func(c *orchestrator.Config) { c.TakeOver = takeOver })
	r.lend = shortLease
	r.restart()
	known := r.unserved(person)
	older := r.copyBeforeLacking()
	takeOver = true
	r.putBack(older, true)
	r.restart()
	if !r.vault.Has(lacking) {
		t.Fatal("it is gone before anybody confirmed")
	}
	if err := r.orch.ConfirmRecovered(t.Context(), "Alex", "the right backup"); err != nil {
		t.Fatal(err)
	}
	if r.vault.Has(lacking) || !r.unseals(known) {
		t.Errorf("kept: %t, and of a saga under way: %t", r.vault.Has(lacking), r.unseals(known))
	}
}

// TestAnOldCopyIsKnownAsOneAlsoAfterAStartThatFailed: it took the bus, and nothing else.
func TestAnOldCopyIsKnownAsOneAlsoAfterAStartThatFailed(t *testing.T) {
	fails := false
	r := newRig(t, twoShares(), func(c *orchestrator.Config) {
		c.Provision = func(context.Context) error {
			if fails {
				return errDisk
			}
			return nil
		}
	})
	r.unserved(person)
	older := r.copyBeforeLacking()
	fails = true
	r.dies(func(map[string][]byte) { r.putBack(older, false) })
	fails = false
	r.reopenAfterDeath()
	r.start()
	if !r.vault.Has(lacking) || !r.orch.Recovery().KeysKept {
		t.Error("the second start takes it for the newest")
	}
}

// TestAKeyOutlivesAnEndThatTheBusDoesNotHave: the bus goes away at the commit of the end,
// and before it is back an older copy of the store takes the place of the one that knows. To that one the saga is under
// way, and it ends there by itself.
func TestAKeyOutlivesAnEndThatTheBusDoesNotHave(t *testing.T) {
	takeOver, plan := false, twoShares()
	plan.Permit, plan.Margin = time.Second, time.Second // those of the one that dies are waited for
	r := newRig(t, plan, func(c *orchestrator.Config) { c.TakeOver = takeOver })
	r.lend = shortLease
	r.restart()
	id := r.unserved(person)
	r.allOut()
	older := r.copyStore()
	r.start()
	ended := make(chan struct{})
	r.store.after(func(b storage.Batch) {
		if len(b.Sagas) == 1 && b.Sagas[0].State.Phase.Final() {
			r.srv.Shutdown()
			close(ended)
		}
	})
	r.bus.Port = portOf(t, r.srv.URL())
	account, idp := r.heldBack(person)
	<-ended
	r.store.after(nil)
	r.withoutBus(r.stop)
	if s := r.state(id); s.Phase != saga.Completed {
		t.Fatalf("it is %s", s.Phase)
	}
	if !r.vault.Has(saga.ID(id)) {
		t.Fatal("its key is gone, and nobody knows that it ended")
	}
	takeOver = true
	r.putBack(older, true)
	_, w := r.client("billing")
	if err := r.orch.ConfirmRecovered(t.Context(), "Alex", "the right backup"); err != nil {
		t.Fatal(err)
	}
	// The identity is found by what the account says, which the newer store may have erased.
	if sum, _ := r.await(w, id); sum.State != events.CompletedWithExceptions {
		t.Errorf("it ended %s", sum.State)
	}
	for _, s := range []*shelf{account, idp} {
		if n, _ := s.total(person); n != 0 {
			t.Errorf("%d left", n)
		}
	}
}
