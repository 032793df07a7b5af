package orchestrator_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/memory"
)

// TestAnotherStoreDoesNotDestroyTheKeysLater: a supervisor starts it again and again.
func TestAnotherStoreDoesNotDestroyTheKeysLater(t *testing.T) {
	r := newRig(t, twoShares())
	a, err := r.orch.Submit(t.Context(), "billing", events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	r.stop()
	wrong := memory.New() // a volume that was not mounted
	for range 2 {
		cfg := r.config()
		cfg.Store = wrong
		o, err := orchestrator.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_ = o.Run(ctx)
		cancel()
	}
	if !r.vault.Has(saga.ID(a.Saga)) {
		t.Error("the second start on the wrong store destroyed the data keys of every saga under way")
	}
}

func TestARestartIsToldOnce(t *testing.T) {
	r := newRig(t, saga.Plan{Name: "one", Participants: []saga.Spec{{Name: events.Account}}})
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	p := <-r.put(events.Account, events.SubjectClaim(events.Account, "0"),
		fmt.Sprintf(`{"saga":%q,"verb":"resolve","round":1,"instance":"w","time":"2026-01-01T00:00:00Z"}`, a.Saga))
	if _, ok := p.(events.Permit); !ok {
		t.Fatalf("claim: %+v", p)
	}
	r.restart()
	told := func() (n int) {
		history, err := r.store.History(t.Context(), saga.ID(a.Saga))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range history {
			if e.Kind == saga.KRecovered {
				n++
			}
		}
		return n
	}
	eventually(t, "told", func() bool { return told() > 0 })
	if _, err := r.orch.Submit(t.Context(), "billing", events.Request{UserID: "behind-it"}); err != nil {
		t.Fatal(err)
	}
	if n := told(); n != 1 {
		t.Errorf("one restart is told %d times, and each rings", n)
	}
}

func TestAKeyOutlivesARotationOfTheHashKey(t *testing.T) {
	r := newRig(t, twoShares())
	c, _ := r.client("billing")
	ask := events.Request{UserID: person, IdempotencyKey: "k"}
	first, err := c.Request(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.vault.RotateHashKey(); err != nil {
		t.Fatal(err)
	}
	again, err := c.Request(t.Context(), ask)
	if err != nil || again.Saga != first.Saga || again.Request != first.Request {
		t.Errorf("with the key: %+v, %v; want %s", again, err, first.Request)
	}
	again, err = c.Request(t.Context(), events.Request{UserID: person})
	if err != nil || again.Saga != first.Saga || again.Request != first.Request {
		t.Errorf("without: %+v, %v; want %s", again, err, first.Request)
	}
}

// TestADataKeyOutlivesTheCommitOfTheEnd: were it gone before, a death between the two would
// leave a saga that nobody can end.
func TestADataKeyOutlivesTheCommitOfTheEnd(t *testing.T) {
	r := newRig(t, twoShares())
	there := make(chan bool, 1)
	r.store.set(func(b storage.Batch) error {
		for _, c := range b.Sagas {
			if c.State.Phase.Final() {
				there <- r.vault.Has(c.State.ID)
			}
		}
		return nil
	})
	r.heldBack("ada")
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	r.await(w, a.Saga)
	if !<-there {
		t.Error("it is gone before the end is on the disk")
	}
	eventually(t, "destroyed", func() bool { return !r.vault.Has(saga.ID(a.Saga)) })
}
