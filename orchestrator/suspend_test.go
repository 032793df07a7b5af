package orchestrator_test

import (
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// suspending is twoShares with a grace, in which both shares are suspended.
func suspending() saga.Plan {
	p := graceful(time.Hour)
	for i := range p.Participants {
		p.Participants[i].Suspends = true
	}
	return p
}

// sleeping returns what the share keeps to wake a person again.
func (s *shelf) sleeping(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asleep[user]
}

// TestACancelBringsEverythingBack: both shares are suspended at once, the orchestrator is
// started anew within the grace, and a cancel restores them by what was sealed.
func TestACancelBringsEverythingBack(t *testing.T) {
	r := newRig(t, suspending())
	account, idp := r.heldBack("ada")
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "in its grace", func() bool { return r.state(a.Saga).Phase == saga.Grace })
	if account.sleeping("ada") != "awake" || idp.sleeping("ada") != "awake" {
		t.Fatalf("suspended with %q and %q", account.sleeping("ada"), idp.sleeping("ada"))
	}
	st, err := c.Status(t.Context(), a.Saga)
	if err != nil || st.GraceUntil == nil || !st.Participants[0].Suspended {
		t.Errorf("status %+v %v", st, err)
	}
	r.restart()
	done, err := c.Cancel(t.Context(), events.Cancel{Request: a.Request})
	if err != nil || done.Result != events.CancelledSaga || done.State != events.Restoring || !done.Replicated || len(done.NotRestored) != 2 {
		t.Errorf("cancel: %+v %v", done, err)
	}
	sum, _ := r.await(w, a.Saga)
	if sum.State != events.Cancelled || sum.Participants[0].RestoredAt == nil {
		t.Errorf("ended %+v", sum)
	}
	if account.sleeping("ada") != "" || idp.sleeping("ada") != "" {
		t.Error("a share is still suspended")
	}
	if left, _ := account.total("ada"); left != 1 {
		t.Error("the account is gone")
	}
	eventually(t, "rid of its data key", func() bool { return !r.vault.Has(saga.ID(a.Saga)) }) // the summary is out before
}

// TestASuspendedShareIsErasedAfterTheGrace, with what was born meanwhile.
func TestASuspendedShareIsErasedAfterTheGrace(t *testing.T) {
	p := suspending()
	p.Grace = time.Second
	r := newRig(t, p)
	account, idp := r.heldBack("ada")
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "in its grace", func() bool { return r.state(a.Saga).Phase == saga.Grace })
	account.set(func(s *shelf) { s.items["ada"] = 3 })
	sum, _ := r.await(w, a.Saga)
	if sum.State != events.Completed {
		t.Errorf("ended as %s", sum.State)
	}
	for _, s := range []*shelf{account, idp} {
		if left, _ := s.total("ada"); left != 0 {
			t.Errorf("%d left at %s", left, s.name)
		}
	}
	if got := sum.Participants[0].Counts.Total(); got != 3 {
		t.Errorf("%d accounts erased, and there were 3", got)
	}
}

// TestAWorkerThatPreparesTwiceGetsTheFirstUndo: it suspended, was started anew, and reads
// what it left itself.
func TestAWorkerThatPreparesTwiceGetsTheFirstUndo(t *testing.T) {
	r := newRig(t, suspending())
	account, _ := shelves()
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	nc := r.connect(events.Account)
	claim := func(v events.Verb) events.Permit {
		p, err := account.ask(t.Context(), nc, events.SubjectClaim(events.Account, "0"),
			events.Claim{Saga: a.Saga, Verb: v, Round: 1, Instance: "w", Time: time.Now().UTC()})
		permit, ok := p.(events.Permit)
		if err != nil || !ok {
			t.Fatalf("claim of %s: %+v %v", v, p, err)
		}
		return permit
	}
	report := events.Command{ReportOn: events.SubjectReport(events.Account, "0")}
	resolved, _ := account.do(claim(events.Resolve))
	account.tell(t.Context(), nc, report, resolved)
	for _, undo := range []events.Private{"awake", "asleep"} {
		p := claim(events.Suspend)
		got := account.tell(t.Context(), nc, report, events.Report{Saga: a.Saga, Verb: p.Verb, Round: p.Round, Permit: p.Permit,
			Verdict: events.Prepared, Undo: undo})
		if got.Outcome != events.Took || got.Undo.Reveal() != "awake" {
			t.Errorf("prepared %q: %s, and it goes back to %q", undo.Reveal(), got.Outcome, got.Undo.Reveal())
		}
	}
}
