package orchestrator_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/bolt"
	"github.com/expunge-io/expunge/storage/vault"
)

// backUp stops the orchestrator, copies store and keys, and starts it again. What it
// returns puts them back, and starts an orchestrator on them.
func (r *rig) backUp() (restore func(meta map[string][]byte)) {
	r.t.Helper()
	r.stop()
	dir := r.t.TempDir()
	copyFile(r.t, filepath.Join(dir, "db"), r.store.path)
	copyFile(r.t, filepath.Join(dir, "keys"), r.keyed)
	r.start()
	return func(meta map[string][]byte) {
		r.t.Helper()
		r.stop()
		_, _ = r.store.Close(), r.vault.Close()
		copyFile(r.t, r.store.path, filepath.Join(dir, "db"))
		copyFile(r.t, r.keyed, filepath.Join(dir, "keys"))
		r.reopen()
		if meta != nil {
			r.put0(meta)
		}
		r.start()
	}
}

func (r *rig) reopen() {
	r.t.Helper()
	s, err := bolt.Open(r.store.path, bolt.Config{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store.Store = s
	if r.vault, err = vault.Open(r.keyed, vault.KEK{1, 2, 3}); err != nil {
		r.t.Fatal(err)
	}
	v := r.vault
	r.t.Cleanup(func() { _ = s.Close(); _ = v.Close() })
}

// put0 sets meta values of a store that nobody uses.
func (r *rig) put0(meta map[string][]byte) {
	r.t.Helper()
	log, err := r.store.LastLog(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.store.Commit(r.t.Context(), storage.Batch{Log: log + 1, Meta: meta}); err != nil {
		r.t.Fatal(err)
	}
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// state returns where a saga of the store stands.
func (r *rig) state(id string) saga.State {
	r.t.Helper()
	s, err := r.store.Load(r.t.Context(), saga.ID(id))
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// refused claims a step as a worker, and returns how that is refused.
func (r *rig) refused(participant, id, verb string) events.RefusalReason {
	r.t.Helper()
	p := <-r.sends(r.t, events.SubjectClaim(participant, "0"), claimOf(id, verb), participant)
	refusal, ok := p.(events.Refusal)
	if !ok {
		r.t.Fatalf("granted: %+v", p)
	}
	return refusal.Reason
}

// TestACancelledSagaDoesNotComeBackWithABackup: neither does a start that died while it
// took in what the bus knows forget it.
func TestACancelledSagaDoesNotComeBackWithABackup(t *testing.T) {
	r := newRig(t, twoShares())
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	restore := r.backUp()
	c, _ = r.client("billing")
	if _, err := c.Cancel(t.Context(), events.Cancel{Request: a.Request}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is out", func() bool { return r.outbox() == 0 })
	r.store.set(func(b storage.Batch) error {
		if len(b.Sagas) > 0 {
			return errDisk
		}
		return nil
	})
	r.dies(restore)
	r.store.set(nil)
	r.reopenAfterDeath()
	r.start()
	if s := r.state(a.Saga); s.Phase != saga.Cancelled {
		t.Errorf("it is %s", s.Phase)
	}
	if why := r.refused(events.Account, a.Saga, "resolve"); why != events.RefusedEnded {
		t.Errorf("a claim is refused as %s", why)
	}
	if left := r.orch.Recovery(); len(left.Unknown)+len(left.HeldBack) != 0 {
		t.Errorf("left for an operator: %+v", left)
	}
}

// dies runs a start that ends by itself.
func (r *rig) dies(start func(map[string][]byte)) {
	r.t.Helper()
	r.fatal = true
	start(nil)
	r.fatal = false
	if err := <-r.ended; !errors.Is(err, errDisk) {
		r.t.Fatalf("it ended with %v", err)
	}
	r.stop = func() {}
}

func (r *rig) reopenAfterDeath() {
	r.t.Helper()
	_, _ = r.store.Close(), r.vault.Close()
	r.reopen()
}

func TestAFinishedSagaDoesNotRunAgainFromABackup(t *testing.T) {
	r := newRig(t, twoShares())
	id := r.unserved(person)
	restore := r.backUp()
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	eventually(t, "finished", func() bool { return r.state(id).Phase == saga.Completed })
	eventually(t, "all is out", func() bool { return r.outbox() == 0 })
	permits := len(account.permits)
	want, err := r.store.Summary(t.Context(), saga.ID(id))
	if err != nil {
		t.Fatal(err)
	}
	restore(nil)
	if why := r.refused(events.Account, id, "resolve"); why != events.RefusedEnded {
		t.Errorf("a claim is refused as %s", why)
	}
	if left := r.orch.Recovery(); len(left.HeldBack)+len(left.Unknown) != 0 {
		t.Errorf("left for an operator: %+v", left)
	}
	if got, err := r.orch.Summary(t.Context(), "billing", id); err != nil || !bytes.Equal(got, want) {
		t.Errorf("summary %s, %v, want %s", got, err, want)
	}
	if r.vault.Has(saga.ID(id)) {
		t.Error("its data key is there again")
	}
	if account.mu.Lock(); len(account.permits) != permits {
		t.Error("it runs again")
	}
	account.mu.Unlock()
}

func TestWhatTheBackupDoesNotKnowIsNamed(t *testing.T) {
	r := newRig(t, twoShares())
	restore := r.backUp()
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person, CorrelationID: "c-1"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is out", func() bool { return r.outbox() == 0 })
	restore(nil)
	r.restart() // which must not forget
	left := r.orch.Recovery().Unknown
	if len(left) != 1 {
		t.Fatalf("unknown: %+v", left)
	}
	if u := left[0]; string(u.Saga) != a.Saga || u.Request != a.Request || u.Source != "billing" || u.CorrelationID != "c-1" {
		t.Errorf("named %+v, want %+v", u, a)
	}
	if log := r.logs.String(); !strings.Contains(log, a.Request) || strings.Contains(log, person) {
		t.Errorf("log:\n%s", log)
	}
	if err := testutil.GatherAndCompare(r.reg, strings.NewReader(`
# HELP expunge_unknown_sagas Sagas that were accepted and are not in the store that was put back; an operator must look.
# TYPE expunge_unknown_sagas gauge
expunge_unknown_sagas 1
`), "expunge_unknown_sagas"); err != nil {
		t.Error(err)
	}
	if err := r.orch.ConfirmRecovered(t.Context(), "Alex", ""); err == nil {
		t.Error("confirmed without a ground")
	}
	if err := r.orch.ConfirmRecovered(t.Context(), "Alex", "billing sends it again"); err != nil {
		t.Fatal(err)
	}
	r.restart()
	if left := r.orch.Recovery(); len(left.Unknown) != 0 || left.Confirmed == nil || left.Confirmed.By != "Alex" {
		t.Errorf("after the confirmation: %+v", left)
	}
	if err := r.orch.ConfirmRecovered(t.Context(), "Alex", "again"); !errors.Is(err, orchestrator.ErrNothingToConfirm) {
		t.Errorf("confirmed twice: %v", err)
	}
}

// TestNoNumberOfABatchIsUsedTwice: nothing new is taken for a repeat, or for older.
func TestNoNumberOfABatchIsUsedTwice(t *testing.T) {
	r := newRig(t, twoShares())
	restore := r.backUp()
	for _, user := range []string{"u-1", "u-2", "u-3"} {
		r.unserved(user)
	}
	eventually(t, "all is out", func() bool { return r.outbox() == 0 })
	before := r.read(events.StreamEvents)
	highest := uint64(0)
	for _, m := range before {
		highest = max(highest, m.env.Log)
	}
	for range 2 { // put back once more: what it knows of the first time is lost again
		restore(nil)
		id := r.unserved(person)
		eventually(t, "told", func() bool { return len(r.find(events.StreamEvents, "erasure.event.accepted.", id)) == 1 })
		now := r.find(events.StreamEvents, "erasure.event.accepted.", id)[0].env.Log
		if now <= highest {
			t.Errorf("batch %d after %d", now, highest)
		}
		highest = now
	}
	ids := map[string]bool{}
	for _, m := range r.read(events.StreamEvents) {
		if ids[m.id] {
			t.Errorf("id %s twice", m.id)
		}
		ids[m.id] = true
	}
}

func TestASagaThatPassedThePivotWaitsForAnOperator(t *testing.T) {
	r := newRig(t, twoShares())
	id := r.unserved(person)
	restore := r.backUp()
	account, idp := shelves()
	r.serve(account)
	idp.deaf = true
	r.serve(idp)
	eventually(t, "resolving", func() bool { return len(r.permitsOf(idp)) > 0 })
	r.report(t, id, idp)
	eventually(t, "erasing", func() bool { return r.state(id).Phase == saga.Erasing })
	eventually(t, "all is out", func() bool { return r.outbox() == 0 })
	restore(nil)
	if why := r.refused(events.Account, id, "resolve"); why != events.RefusedParked {
		t.Errorf("a claim is refused as %s", why)
	}
	c, w := r.client("billing")
	if _, err := c.Cancel(t.Context(), events.Cancel{Request: id + ".1"}); !isProblem(err, events.CodeTooLate) {
		t.Errorf("a cancel after the pivot: %v", err)
	}
	idp.mu.Lock()
	idp.deaf = false
	idp.mu.Unlock()
	if err := r.orch.ConfirmRecovered(t.Context(), "Alex", "the erasure goes on"); err != nil {
		t.Fatal(err)
	}
	r.await(w, id)
}

func (r *rig) permitsOf(s *shelf) []events.Permit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]events.Permit(nil), s.permits...)
}

// report sends the report of a shelf that is deaf, for its first permit.
func (r *rig) report(t *testing.T, id string, s *shelf) {
	t.Helper()
	p := r.permitsOf(s)[0]
	nc := r.connect(s.name)
	n := int64(2)
	got, err := s.ask(t.Context(), nc, events.SubjectReport(s.name, "0"), events.Report{Saga: id, Verb: p.Verb, Round: p.Round,
		Permit: p.Permit, Verdict: events.Resolved, Counts: events.Counts{s.kind: n}})
	if err != nil {
		t.Fatal(err)
	}
	if receipt, ok := got.(events.Receipt); !ok || receipt.Outcome != events.Took {
		t.Fatalf("report: %+v", got)
	}
}

// TestABusThatWasLostWithTheStoreWaitsForAnOperator: nothing tells what happened since.
func TestABusThatWasLostWithTheStoreWaitsForAnOperator(t *testing.T) {
	r := newRig(t, twoShares())
	restore := r.backUp()
	restore(map[string][]byte{"restored": []byte("2026-01-01T00:00:00Z")})
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	id := r.unserved(person)
	eventually(t, "at the pivot", func() bool { return r.state(id).Brake != "" })
	if why := r.refused(events.IdentityProvider, id, "erase"); why != events.RefusedNotReady {
		t.Errorf("a claim is refused as %s", why)
	}
	r.restart()
	if !r.orch.Recovery().Unconfirmed {
		t.Fatal("a restart is not a confirmation")
	}
	if left, _ := idp.total(person); left != 2 {
		t.Errorf("%d items left", left)
	}
	_, w := r.client("billing")
	if err := r.orch.ConfirmRecovered(t.Context(), "Alex", "nothing was lost"); err != nil {
		t.Fatal(err)
	}
	r.await(w, id)
	r.restart()
	if r.orch.Recovery().Unconfirmed {
		t.Error("the confirmation is forgotten")
	}
}
