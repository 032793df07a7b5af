package orchestrator_test

import (
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// requested has a source ask for a person's erasure.
func (r *rig) requested(source string) (*bus.Client, events.Acceptance) {
	r.t.Helper()
	c, _ := r.client(source)
	a, err := c.Request(r.t.Context(), events.Request{UserID: person})
	if err != nil {
		r.t.Fatal(err)
	}
	return c, a
}

// withdraws has a source cancel its request, and wants that result.
func (r *rig) withdraws(source string, a events.Acceptance, want events.CancelResult) {
	r.t.Helper()
	c, _ := r.client(source)
	got, err := c.Cancel(r.t.Context(), events.Cancel{Request: a.Request})
	if err != nil || got.Result != want || !got.Replicated {
		r.t.Errorf("%s withdraws: %+v %v, want %s", source, got, err, want)
	}
}

// TestAWithdrawnRequestStaysWithdrawnAfterARestore: of two that the backup knows, one was
// withdrawn after it. With the other the saga is cancelled.
func TestAWithdrawnRequestStaysWithdrawnAfterARestore(t *testing.T) {
	r := newRig(t, graceful(time.Hour))
	_, first := r.requested("billing")
	_, second := r.requested("shop")
	if first.Saga != second.Saga {
		t.Fatal("they are two sagas")
	}
	r.allOut()
	restore := r.backUp()
	r.withdraws("billing", first, events.WithdrawnRequest)
	restore(nil)
	if q := r.state(first.Saga).Requests; !q[0].Withdrawn || q[1].Withdrawn {
		t.Fatalf("requests: %+v", q)
	}
	r.withdraws("shop", second, events.CancelledSaga)
	if s := r.state(first.Saga); s.Phase != saga.Cancelled {
		t.Errorf("it is %s", s.Phase)
	}
}

// TestAWithdrawalDoesNotCallOffWhatTheBackupDoesNotKnow: the one request that it knows was
// withdrawn, and another had joined before. An operator is asked.
func TestAWithdrawalDoesNotCallOffWhatTheBackupDoesNotKnow(t *testing.T) {
	r := newRig(t, graceful(time.Hour))
	_, first := r.requested("billing")
	r.allOut()
	restore := r.backUp()
	_, second := r.requested("shop")
	r.withdraws("billing", first, events.WithdrawnRequest)
	restore(nil)
	if s := r.state(first.Saga); s.Doubt == "" || s.Phase.Final() {
		t.Errorf("it is %s, and nobody looks", s.Phase)
	}
	if left := r.orch.Recovery().Unknown; len(left) != 1 || left[0].Request != second.Request {
		t.Errorf("unknown: %+v", left)
	}
}

// TestAWithdrawalIsToldAgain to a bus that was made anew, and so is a cancel that is under way.
func TestAWithdrawalIsToldAgain(t *testing.T) {
	for name, both := range map[string]bool{"one": false, "both": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, suspending())
			account, idp := r.heldBack(person)
			idp.set(func(s *shelf) { s.deafTo = events.Restore })
			_, first := r.requested("billing")
			_, second := r.requested("shop")
			eventually(t, "suspended", func() bool { return account.sleeping(person) != "" && idp.sleeping(person) != "" })
			want := events.KindWithdrawn
			r.withdraws("billing", first, events.WithdrawnRequest)
			if both {
				want = events.KindCancelled
				r.withdraws("shop", second, events.CancelledSaga)
			}
			r.allOut()
			r.remake(events.StreamEvents)
			r.reconnect()
			eventually(t, "told again", func() bool {
				return len(r.find(events.StreamEvents, events.SubjectEvent(want, "billing"), first.Saga)) == 1
			})
		})
	}
}
