package orchestrator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// TestAPlanThatFitsInNoWayParksItsSagas: its faults are several lines, which no event takes,
// and a saga whose event cannot be told could not be loaded at all.
func TestAPlanThatFitsInNoWayParksItsSagas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := saga.Plan{Name: "all", Participants: []saga.Spec{
			{Name: "account", After: []string{"identity-provider"}, Needs: []string{"email"}},
			{Name: "identity-provider", Yields: []string{"email"}},
		}}
		after := saga.Plan{Name: "all", Participants: []saga.Spec{
			{Name: "account", Yields: []string{"handle"}},
			{Name: "identity-provider", After: []string{"account"}, Needs: []string{"handle"}},
		}}
		d := newDesk(t, before)
		id := d.request(events.Request{UserID: "ada"})
		d.o.cfg.Plans = map[string]saga.Plan{"all": after}
		d.restart()
		if a := d.commit(job{wake: &wake{saga: id}})[0]; a.err != nil {
			t.Fatal(a.err)
		}
		s := d.state(id)
		if s.Doubt == "" {
			t.Fatal("nobody is told")
		}
		if _, err := events.Encode(events.Envelope{ID: "x", Source: envelopeSource, Time: time.Now()}, statusOf(s, time.Now())); err != nil {
			t.Errorf("its status: %v", err)
		}
	})
}
