package orchestrator_test

import (
	"slices"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// loseBox destroys the data key of a saga under way, as the wrong backup of the keys does.
func (r *rig) loseBox(id string) {
	r.t.Helper()
	if err := r.vault.Destroy(saga.ID(id)); err != nil {
		r.t.Fatal(err)
	}
}

// TestARequestSealsAnewWhatWasLost, whoever sends it, before the pivot and after it: the saga
// goes on with a box of its own, and ends.
func TestARequestSealsAnewWhatWasLost(t *testing.T) {
	for name, again := range map[string]string{"the same request": "billing", "another source's": "shop"} {
		for _, deaf := range []events.Verb{events.Resolve, events.Erase} {
			t.Run(name+", before "+string(deaf), func(t *testing.T) {
				plan := twoShares()
				plan.Permit, plan.Margin = time.Second, time.Second // what was given is waited for
				r := newRig(t, plan)
				account, idp := r.heldBack("ada")
				idp.set(func(s *shelf) { s.deafTo = deaf })
				c, w := r.client("billing")
				ask := events.Request{UserID: "ada", IdempotencyKey: "k-1"}
				a, err := c.Request(t.Context(), ask)
				if err != nil {
					t.Fatal(err)
				}
				eventually(t, "waits for the deaf one", func() bool {
					s := r.state(a.Saga)
					return s.Share(events.IdentityProvider).Step(saga.Verb(deaf)).Status == saga.Granted
				})
				r.stop()
				r.loseBox(a.Saga)
				r.start()
				idp.set(func(s *shelf) { s.deafTo = "" })
				eventually(t, "halted", func() bool { return r.state(a.Saga).Halted != "" })
				if r.refused(events.IdentityProvider, a.Saga, string(deaf)) != events.RefusedParked {
					t.Error("something is permitted")
				}

				c, _ = r.client(again)
				got, err := c.Request(t.Context(), ask)
				if err != nil || again == "billing" && (got.Saga != a.Saga || got.Request != a.Request) {
					t.Fatalf("asked again: %+v, %v; want %s", got, err, a.Request)
				}
				if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
					t.Errorf("it ended %s", sum.State)
				}
				for _, s := range []*shelf{account, idp} {
					if n, _ := s.total("ada"); n != 0 {
						t.Errorf("%d left", n)
					}
				}
				eventually(t, "rid of the new key", func() bool { return !r.vault.Has(saga.ID(a.Saga)) })
			})
		}
	}
}

// TestTooLittleSealsNothing: without its items a narrow saga would erase a whole share.
func TestTooLittleSealsNothing(t *testing.T) {
	r := newRig(t, twoShares())
	ask := func(scope *events.Scope) events.Acceptance {
		a, err := r.orch.Submit(t.Context(), "billing", events.Request{UserID: "ada", Scope: scope})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := ask(scopeOf("a-1"))
	r.loseBox(first.Saga)
	r.restart()
	for name, scope := range map[string]*events.Scope{"everything": nil, "another item": scopeOf("a-2")} {
		if a := ask(scope); a.Saga == first.Saga || !a.Queued {
			t.Errorf("%s: %+v", name, a)
		}
		if s := r.state(first.Saga); s.Halted == "" || r.vault.Has(saga.ID(first.Saga)) {
			t.Errorf("%s: halted %q", name, s.Halted)
		}
	}
	if a := ask(scopeOf("a-1")); a.Saga != first.Saga || r.state(first.Saga).Halted != "" {
		t.Errorf("the same again: %+v, halted %q", a, r.state(first.Saga).Halted)
	}
	account, _ := r.heldBack("ada")
	eventually(t, "ended", func() bool { return r.state(first.Saga).Phase.Final() })
	for _, p := range r.permitsOf(account) {
		if p.Saga == first.Saga && p.Verb == events.Erase && !slices.ContainsFunc(p.Items, func(i events.Item) bool { return i.Reference == "a-1" }) {
			t.Errorf("a permit for %d items", len(p.Items))
		}
	}
}

// TestWhatIsNotCommittedSealsNothing: the asker is told to come again, and no key is left
// behind for a box that there is not.
func TestWhatIsNotCommittedSealsNothing(t *testing.T) {
	r := newRig(t, twoShares())
	id := r.unserved("ada")
	r.loseBox(id)
	r.restart()
	r.store.set(func(storage.Batch) error { return storage.ErrFull })
	if _, err := r.orch.Submit(t.Context(), "shop", events.Request{UserID: "ada"}); err == nil {
		t.Error("accepted")
	}
	if r.vault.Has(saga.ID(id)) {
		t.Error("a key is left")
	}
	r.store.set(nil)
	if _, err := r.orch.Submit(t.Context(), "shop", events.Request{UserID: "ada"}); err != nil {
		t.Fatal(err)
	}
	if !r.unseals(id) {
		t.Error("the new box cannot be read")
	}
}
