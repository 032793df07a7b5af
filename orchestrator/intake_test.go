package orchestrator_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// refuse finds no space for what want picks, and tells when it first did.
func (r *rig) refuse(want func(saga.State) bool) (refused <-chan struct{}) {
	first := make(chan struct{})
	tell := sync.OnceFunc(func() { close(first) })
	r.store.set(func(b storage.Batch) error {
		if !slices.ContainsFunc(b.Sagas, func(c storage.Change) bool { return want(c.State) }) {
			return nil
		}
		tell()
		return storage.ErrFull
	})
	return first
}

// begun reports whether a saga is live or has ended.
func (r *rig) begun() bool {
	for _, err := range r.store.Live(r.t.Context()) {
		return err == nil
	}
	for _, err := range r.store.Finished(r.t.Context(), "") {
		return err == nil
	}
	return false
}

func TestAStoredRequestThatFoundAFullDiskComesAgain(t *testing.T) {
	r := newRig(t, twoShares())
	refused := r.refuse(func(saga.State) bool { return true })
	c, _ := r.client("billing")
	if _, err := c.Publish(t.Context(), events.Request{UserID: person}, "order-77"); err != nil {
		t.Fatal(err)
	}
	<-refused
	r.store.set(nil)
	eventually(t, "started", r.begun)
}

// TestAStoredRequestIsOverwrittenWhileOthersWait: a stream that is empty lets go of its
// files, and would not show whether anything was overwritten.
func TestAStoredRequestIsOverwrittenWhileOthersWait(t *testing.T) {
	r := newRig(t, twoShares())
	waiting := r.vault.HashAll(vault.Subject, "main", "u-waits")
	refused := r.refuse(func(s saga.State) bool { return slices.Contains(waiting, s.Subject) })
	c, _ := r.client("billing")
	if _, err := c.Publish(t.Context(), events.Request{UserID: "u-waits"}, "order-1"); err != nil {
		t.Fatal(err)
	}
	<-refused
	if _, err := c.Publish(t.Context(), events.Request{UserID: person}, "order-2"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "taken", func() bool { return r.begun() && r.streamMessages("ERASURE_REQUESTS_billing") == 1 })
	if hits := grep(t, r.dir, "u-waits"); len(hits) == 0 {
		t.Fatal("the request that waits is in no file: nothing can be said of the other")
	}
	if hits := grep(t, r.dir, person); len(hits) > 0 {
		t.Errorf("the person is still in the bus store: %v", hits)
	}
}
