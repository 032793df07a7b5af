package orchestrator_test

import (
	"errors"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// heldBack serves both shares with one item of the person in each.
func (r *rig) heldBack(person string) (*shelf, *shelf) {
	account := newShelf("account", "accounts", map[string]int64{person: 1})
	idp := newShelf("identity-provider", "identities", map[string]int64{person: 1})
	r.serve(account)
	r.serve(idp)
	return account, idp
}

func (s *shelf) set(f func(s *shelf)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// TestARequestPastThePivotWaitsForTheNextSaga: it is durable, further ones are merged into
// it, it outlives a restart, and it begins by itself.
func TestARequestPastThePivotWaitsForTheNextSaga(t *testing.T) {
	r := newRig(t, twoShares())
	account, _ := r.heldBack("ada")
	c, w := r.client("billing")
	account.set(func(s *shelf) { s.deafTo = events.Erase })
	first, err := c.Request(t.Context(), events.Request{UserID: "ada", CorrelationID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "past the pivot", func() bool { return !r.state(first.Saga).Pivoted.IsZero() })

	shop, seen := r.client("shop")
	second, err := shop.Request(t.Context(), events.Request{UserID: "ada", CorrelationID: "two"})
	if err != nil || second.Saga == first.Saga || !r.state(second.Saga).Queued {
		t.Fatalf("second request: %+v %v, first saga %s; it waits in a saga of its own", second, err, first.Saga)
	}
	third, err := c.Request(t.Context(), events.Request{UserID: "ada", CorrelationID: "three", Regime: "ccpa"})
	if err != nil || third.Saga != second.Saga || !third.Joined {
		t.Fatalf("third request: %+v %v, want it joined to %s", third, err, second.Saga)
	}
	same, err := shop.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil || same.Request != second.Request {
		t.Errorf("the same request again: %+v %v, want %s", same, err, second.Request)
	}

	account.set(func(s *shelf) { s.deafTo = "" })
	r.restart()
	if sum, _ := r.await(w, first.Saga); sum.State != events.Completed {
		t.Errorf("first saga ended as %s", sum.State)
	}
	if sum, _ := r.await(seen, second.Saga); sum.State != events.NotFound {
		t.Errorf("second saga ended as %s, and nothing was left for it", sum.State)
	}
	if _, err := r.store.BySlot(t.Context(), saga.QueuedSlot(r.state(second.Saga).Subject)); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("somebody still waits: %v", err)
	}
}

// TestAQueuedRequestCanBeWithdrawn before its saga ever began.
func TestAQueuedRequestCanBeWithdrawn(t *testing.T) {
	r := newRig(t, twoShares())
	account, _ := r.heldBack("ada")
	account.set(func(s *shelf) { s.deafTo = events.Erase })
	c, w := r.client("billing")
	first, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "past the pivot", func() bool { return !r.state(first.Saga).Pivoted.IsZero() })
	second, err := c.Request(t.Context(), events.Request{UserID: "ada", Regime: "ccpa"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Cancel(t.Context(), events.Cancel{Request: second.Request}); err != nil {
		t.Fatal(err)
	}
	if sum, _ := r.await(w, second.Saga); sum.State != events.Cancelled {
		t.Errorf("the queued saga ended as %s", sum.State)
	}
}

// TestANarrowRequestLeavesTheRest: only the share that it names is erased, and a request
// for all of the person waits behind it.
func TestANarrowRequestLeavesTheRest(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := r.heldBack("ada")
	idp.set(func(s *shelf) { s.deafTo = events.Erase })
	c, w := r.client("billing")
	narrow, err := c.Request(t.Context(), events.Request{UserID: "ada", Scope: &events.Scope{Participants: []string{"identity-provider"}}})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil || whole.Saga == narrow.Saga {
		t.Fatalf("the whole person: %+v %v, behind %s", whole, err, narrow.Saga)
	}
	eventually(t, "past the pivot", func() bool { return !r.state(narrow.Saga).Pivoted.IsZero() })
	if left, _ := account.total("ada"); left != 1 {
		t.Error("the account was outside the scope")
	}
	idp.set(func(s *shelf) { s.deafTo = "" })
	r.restart() // which rings for the permit that is out
	if sum, _ := r.await(w, narrow.Saga); sum.State != events.Completed || len(sum.Participants) != 1 {
		t.Errorf("narrow saga: %s with %d participants", sum.State, len(sum.Participants))
	}
	if sum, _ := r.await(w, whole.Saga); sum.State != events.Completed || len(sum.Participants) != 2 {
		t.Errorf("whole saga: %s with %d participants", sum.State, len(sum.Participants))
	}
	if left, _ := account.total("ada"); left != 0 {
		t.Error("the account is still there")
	}
}

// TestABrakeStopsTheFloodAndIsReleased: no more than the ceiling pass within an hour, also
// across a restart.
func TestABrakeStopsTheFloodAndIsReleased(t *testing.T) {
	r := newRig(t, twoShares(), func(c *orchestrator.Config) { c.Ceilings.PerSource = 2 })
	r.heldBack("nobody")
	c, _ := r.client("billing")
	ask := func(user events.Private) string {
		a, err := c.Request(t.Context(), events.Request{UserID: user})
		if err != nil {
			t.Fatal(err)
		}
		return a.Saga
	}
	r.shelves["account"].set(func(s *shelf) { s.items["a"], s.items["b"], s.items["c"] = 1, 1, 1 })
	for _, user := range []events.Private{"a", "b"} {
		id := ask(user)
		eventually(t, "ended", func() bool { return r.state(id).Phase == saga.Completed })
	}
	third := ask("c")
	eventually(t, "braked", func() bool { return r.state(third).Brake != "" })
	r.restart()
	eventually(t, "braked still", func() bool { return r.state(third).Brake != "" })
	if left, _ := r.shelves["account"].total("c"); left != 1 {
		t.Error("it was erased under the brake")
	}
	d := r.desk()
	d.explains("", "the brake of source billing is on (release_brake)", "1 saga cannot go on")
	d.fails(events.Operation{Verb: events.OpReleaseBrake}, events.CodeInvalid) // that of all sources is not on
	d.does(events.Operation{Verb: events.OpReleaseBrake, Source: "billing"})
	eventually(t, "ended", func() bool { return r.state(third).Phase == saga.Completed })
}

// TestAPivotIsActedOnWhenTheBusHasItsEvent, and not before.
func TestAPivotIsActedOnWhenTheBusHasItsEvent(t *testing.T) {
	r := newRig(t, twoShares())
	r.heldBack("ada")
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	r.await(w, a.Saga)
	history, err := r.store.History(t.Context(), saga.ID(a.Saga))
	if err != nil {
		t.Fatal(err)
	}
	announced := false
	for _, e := range history {
		announced = announced || e.Kind == saga.KAnnounced
		if e.Verb == saga.Erase && !announced {
			t.Errorf("entry %d, %s of erase, comes before the pivot was announced", e.Seq, e.Kind)
		}
	}
	if !announced {
		t.Error("it was never announced")
	}
}
