package orchestrator_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// wallClock can be set to another time.
type wallClock struct{ off atomic.Int64 }

func (c *wallClock) now() time.Time { return time.Now().Add(time.Duration(c.off.Load())) }

func (c *wallClock) jump(d time.Duration) { c.off.Store(int64(d)) }

func graceful(grace time.Duration) saga.Plan {
	p := twoShares()
	p.Grace = grace
	return p
}

// TestAClockThatIsADayAheadDoesNotEndAGrace: at the start after the clock jumped, its grace
// seems to be over. The workers have another time, so nothing passes; corrected, the grace
// is what it was.
func TestAClockThatIsADayAheadDoesNotEndAGrace(t *testing.T) {
	clock := &wallClock{}
	r := newRig(t, graceful(time.Hour), func(c *orchestrator.Config) { c.Wall = clock.now })
	account, _ := r.heldBack("ada")
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "in its grace", func() bool { return r.state(a.Saga).Phase == saga.Grace })
	until := r.state(a.Saga).GraceUntil

	clock.jump(24 * time.Hour)
	r.restart()
	eventually(t, "kept from its pivot", func() bool { return r.state(a.Saga).Brake != "" })

	clock.jump(0)
	r.restart()
	eventually(t, "told of the right time", func() bool { return r.state(a.Saga).At.Before(until) })
	if left, _ := account.total("ada"); left != 1 {
		t.Error("it was erased within its grace")
	}
}

// TestADoubtEndsWhenTheWorkersAgree: the orchestrator was away for a day in truth.
func TestADoubtEndsWhenTheWorkersAgree(t *testing.T) {
	clock := &wallClock{}
	clock.jump(-24 * time.Hour)
	r := newRig(t, graceful(time.Hour), func(c *orchestrator.Config) { c.Wall = clock.now })
	r.heldBack("ada")
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "in its grace", func() bool { return r.state(a.Saga).Phase == saga.Grace })
	clock.jump(0)
	r.restart()
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
		t.Errorf("ended as %s", sum.State)
	}
}

// TestAnOperatorConfirmsTheClock when no worker can.
func TestAnOperatorConfirmsTheClock(t *testing.T) {
	clock := &wallClock{}
	r := newRig(t, twoShares(), func(c *orchestrator.Config) { c.Wall = clock.now })
	r.heldBack("ada")
	c, w := r.client("billing")
	if err := r.orch.ConfirmClock(t.Context(), "ada", "no doubt"); err == nil {
		t.Error("a clock that is not in doubt was confirmed")
	}
	a, err := c.Request(t.Context(), events.Request{UserID: "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	r.await(w, a.Saga)
	clock.jump(3 * time.Hour)
	r.restart()
	a, err = c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "kept from its pivot", func() bool { return r.state(a.Saga).Brake != "" })
	if err := r.orch.ConfirmClock(t.Context(), "ada", "looked at a wrist watch"); err != nil {
		t.Fatal(err)
	}
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
		t.Errorf("ended as %s", sum.State)
	}
	if n := r.suppressed(); n != 0 {
		t.Errorf("%d events of its pivot were taken for repeats", n)
	}
}

// suppressed is how many new messages the bus took for repeats.
func (r *rig) suppressed() int { return r.counter("expunge_publish_suppressed_total") }

func (r *rig) counter(name string) int {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return int(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	r.t.Fatal("nobody counts them")
	return 0
}
