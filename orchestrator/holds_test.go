package orchestrator_test

import (
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// operate does what an operator decided, or fails the test.
func (r *rig) operate(op events.Operation) events.Operated {
	r.t.Helper()
	if op.Verb != events.OpExplain {
		op.By, op.Ground = "counsel", "case 17"
	}
	p, err := r.orch.Operate(r.t.Context(), op)
	done, ok := p.(events.Operated)
	if err != nil || !ok {
		r.t.Fatalf("%s: %+v %v", op.Verb, p, err)
	}
	return done
}

// TestAHoldKeepsWhatItLiesOn: placed before anybody asked for an erasure, it outlives
// restarts, keeps the saga from its pivot, and its release drives the saga on by itself.
func TestAHoldKeepsWhatItLiesOn(t *testing.T) {
	r := newRig(t, twoShares())
	account, _ := r.heldBack("ada")
	hold := r.operate(events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada"})
	if hold.Hold == "" || !hold.Replicated || len(hold.Sagas) != 0 {
		t.Errorf("hold: %+v", hold)
	}
	r.restart()
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "looked at", func() bool {
		s := r.state(a.Saga)
		return s.Shares[0].Resolve.Status == saga.Reported && s.Shares[1].Resolve.Status == saga.Reported
	})
	r.restart()
	st, err := c.Status(t.Context(), a.Saga)
	if err != nil || st.Held != "case 17" || st.State != events.Resolving {
		t.Errorf("status %+v %v", st, err)
	}
	if why := r.operate(events.Operation{Verb: events.OpExplain, Saga: a.Saga}).Explain; why == "" {
		t.Error("nothing is explained")
	}
	if left, _ := account.total("ada"); left != 1 {
		t.Error("it was erased under a hold")
	}
	released := r.operate(events.Operation{Verb: events.OpRelease, Hold: hold.Hold})
	if len(released.Sagas) != 1 || released.Sagas[0] != a.Saga {
		t.Errorf("release: %+v", released)
	}
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
		t.Errorf("ended as %s", sum.State)
	}
	p, err := r.orch.Operate(t.Context(), events.Operation{Verb: events.OpRelease, Hold: hold.Hold, By: "x", Ground: "y"})
	if bad, ok := p.(events.Problem); err != nil || !ok || bad.Code != events.CodeUnknown {
		t.Errorf("released twice: %+v %v", p, err)
	}
}

// TestAHoldInMidRunNamesWhatMayStillHappen: the permits that were given before it.
func TestAHoldInMidRunNamesWhatMayStillHappen(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := r.heldBack("ada")
	idp.set(func(s *shelf) { s.deafTo = events.Erase })
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "at work", func() bool { return len(r.aliveIn(a.Saga)) == 1 })
	hold := r.operate(events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada"})
	if len(hold.Alive) != 1 || hold.Alive[0].Participant != "identity-provider" || len(hold.Sagas) != 1 {
		t.Errorf("hold: %+v", hold)
	}
	if left, _ := account.total("ada"); left != 1 {
		t.Error("the account was erased")
	}
}

func (r *rig) aliveIn(id string) []saga.Live {
	s := r.state(id)
	return s.Alive(time.Now())
}

// TestAHoldOnAnIdentifierIsMetWhenItIsFound: nobody knew that the address is this person's
// before the account was looked at.
func TestAHoldOnAnIdentifierIsMetWhenItIsFound(t *testing.T) {
	r := newRig(t, twoShares())
	account, _ := r.heldBack("ada")
	account.yield = func(string) []events.Identifier {
		return []events.Identifier{{Type: "email", Value: "ada@example.com"}}
	}
	r.operate(events.Operation{Verb: events.OpHold, Realm: "main", Participant: "identity-provider",
		Identifiers: []events.Identifier{{Type: "email", Value: "ada@example.com"}}})
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "past its pivot", func() bool { return r.state(a.Saga).Announced })
	s := r.state(a.Saga)
	if s.Held("identity-provider") == nil || s.Held("account") != nil {
		t.Errorf("holds: %+v", s.Holds)
	}
	if p := s.Share("identity-provider").Erase.Permits; len(p) != 0 {
		t.Error("a permit was given under the hold")
	}
}

// TestAnOperatorDecides: retry, waive, cancel and extend reach the core, and what cannot be
// done is said.
func TestAnOperatorDecides(t *testing.T) {
	r := newRig(t, graceful(time.Hour))
	r.heldBack("ada")
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "in its grace", func() bool { return r.state(a.Saga).Phase == saga.Grace })
	later := r.state(a.Saga).Due.Add(24 * time.Hour)
	r.operate(events.Operation{Verb: events.OpExtend, Saga: a.Saga, Until: &later})
	if got := r.state(a.Saga).Due; !got.Equal(later) {
		t.Errorf("due %s, want %s", got, later)
	}
	for _, op := range []events.Operation{
		{Verb: events.OpExtend, Saga: a.Saga, Until: &later},
		{Verb: events.OpRetry, Saga: a.Saga},
		{Verb: events.OpWaive, Saga: a.Saga, Participant: "nobody"},
		{Verb: events.OpResume, Saga: a.Saga},
		{Verb: events.OpReleaseBrake, Saga: a.Saga, Participant: "account"},
		{Verb: events.OpReleaseBrake},
		{Verb: events.OpCancel, Saga: "01a21380-0000-7000-8000-000000000000"},
		{Verb: events.OpBind, Saga: a.Saga, UserID: "x"},
	} {
		op.By, op.Ground = "ada", "test"
		p, err := r.orch.Operate(t.Context(), op)
		if bad, ok := p.(events.Problem); err != nil || !ok || bad.Detail == "" {
			t.Errorf("%s: %+v %v, want a problem", op.Verb, p, err)
		}
	}
	if done := r.operate(events.Operation{Verb: events.OpCancel, Saga: a.Saga}); done.State != events.Cancelled || !done.Replicated {
		t.Errorf("cancel: %+v", done)
	}
	if sum, _ := r.await(w, a.Saga); sum.State != events.Cancelled {
		t.Errorf("ended as %s", sum.State)
	}
}

// TestAHoldThatWouldKeepNothingIsRefused: a slip in a name must not look like protection.
func TestAHoldThatWouldKeepNothingIsRefused(t *testing.T) {
	r := newRig(t, twoShares())
	past := time.Now().Add(-time.Hour)
	for field, op := range map[string]events.Operation{
		"realm":               {Realm: "mian", UserID: "ada"},
		"participant":         {Realm: "main", UserID: "ada", Participant: "acount"},
		"until":               {Realm: "main", UserID: "ada", Until: &past},
		"identifiers[0].type": {Realm: "main", Identifiers: []events.Identifier{{Type: "emial", Value: "ada@example.com"}}},
	} {
		op.Verb, op.By, op.Ground = events.OpHold, "counsel", "case 17"
		p, err := r.orch.Operate(t.Context(), op)
		if bad, ok := p.(events.Problem); err != nil || !ok || bad.Field != field {
			t.Errorf("%s: %+v %v", field, p, err)
		}
	}
	if on := r.operate(events.Operation{Verb: events.OpHolds}); len(on.Holds) > 0 {
		t.Errorf("on record: %+v", on.Holds)
	}
}

// TestAHoldByAClockInDoubtIsTaken: its end may only seem to be over.
func TestAHoldByAClockInDoubtIsTaken(t *testing.T) {
	r := newRig(t, twoShares())
	r.orch.Distrust("it jumped")
	past := time.Now().Add(-time.Hour)
	r.operate(events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada", Until: &past})
}
