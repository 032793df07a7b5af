package orchestrator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// TestAShareThatWasSuspendedAfterTheBackupIsBroughtBackByHand: its worker finds it suspended
// and prepares that as its undo, so that a restore would leave it as it is and say otherwise.
func TestAShareThatWasSuspendedAfterTheBackupIsBroughtBackByHand(t *testing.T) {
	for name, restored := range map[string]map[string][]byte{
		"the bus tells":         nil,
		"the bus tells nothing": {"restored": []byte("2026-01-01T00:00:00Z")},
	} {
		t.Run(name, func(t *testing.T) {
			plan := suspending()
			plan.Ring = time.Second
			r := newRig(t, plan)
			_, a := r.requested("billing")
			r.allOut()
			restore := r.backUp()
			account, idp := r.heldBack(person)
			eventually(t, "suspended", func() bool { return account.sleeping(person) == "awake" && idp.sleeping(person) == "awake" })
			r.allOut()
			if restored != nil {
				r.stop()
				r.remake(events.StreamEvents)
				r.remake(events.StreamCommands)
			}
			restore(restored)
			if got := r.orch.Recovery().Unconfirmed; got != (restored != nil) {
				t.Errorf("unconfirmed: %t", got)
			}
			eventually(t, "suspended again", func() bool {
				return account.sleeping(person) == "was asleep" && idp.sleeping(person) == "was asleep"
			})
			eventually(t, "in its grace", func() bool { return r.state(a.Saga).Phase == saga.Grace })
			r.withdraws("billing", a, events.CancelledSaga)
			s := r.state(a.Saga)
			if why := s.Stuck(); !strings.Contains(why, "by hand") || s.Phase != saga.Restoring {
				t.Errorf("it is %s, and waits for an operator because %q", s.Phase, why)
			}
			for _, h := range []*shelf{account, idp} {
				if h.sleeping(person) == "" {
					t.Errorf("%s says that it is restored", h.name)
				}
				r.operate(events.Operation{Verb: events.OpWaive, Saga: a.Saga, Participant: h.name, Step: events.Restore})
			}
			if s := r.state(a.Saga); s.Phase != saga.Cancelled {
				t.Errorf("it is %s", s.Phase)
			}
		})
	}
}
