package orchestrator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// TestAJumpIsDoubtedBeforeAnythingPassesByIt: in the same batch, and when that is given up.
func TestAJumpIsDoubtedBeforeAnythingPassesByIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		d.store.Fill()
		d.off = 24 * time.Hour
		var doubt string
		got := d.commit(job{request: d.fit(events.Request{UserID: "ada"})},
			job{do: func(b *batch) error { b.jump(d.off); return nil }},
			job{do: func(b *batch) error { doubt = b.o.trust.why(); return nil }})
		if !errors.Is(got[1].err, errBusy) {
			t.Errorf("on a full disk: %v", got[1].err)
		}
		if doubt == "" || d.o.trust.why() == "" {
			t.Errorf("in doubt: %q in the batch, %q after it", doubt, d.o.trust.why())
		}
	})
}

// TestAJumpCountsThePermitsOfTheSameBatchAnew: by the new time they would be long dead.
func TestAJumpCountsThePermitsOfTheSameBatchAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.request(events.Request{UserID: "ada"})
		d.permit(id, events.Resolve)
		d.off = 24 * time.Hour
		d.commit(job{wake: &wake{saga: id}}, job{do: func(b *batch) error { b.jump(d.off); return nil }}, job{wake: &wake{saga: id}})
		s := d.state(id)
		if step := s.Share("account").Resolve; step.Status != saga.Granted {
			t.Errorf("resolve is %s", step.Status)
		}
	})
}

// TestADoubtOutlivesTheProcess: the time that is in doubt does not get on record.
func TestADoubtOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, off := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
			d := newDesk(t, oneShare())
			d.request(events.Request{UserID: "ada"})
			d.off = off
			for range 2 {
				d.restart()
				if d.o.trust.why() == "" {
					t.Errorf("a clock that is off by %s is not in doubt", off)
				}
				d.request(events.Request{UserID: "bob"})
			}
		}
	})
}

// TestNothingExpiresByAClockInDoubt: a hold whose end only seems to be over would be gone
// for good, and so would the record of a saga.
func TestNothingExpiresByAClockInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare(), func(c *Config) { c.Retention = keyLife })
		d.commit(job{do: func(b *batch) error {
			h := d.hold("h")
			h.Until = time.Now().Add(time.Hour)
			b.out.Holds = append(b.out.Holds, h)
			return nil
		}})
		old := d.request(events.Request{UserID: "bob"})
		d.does(old, events.Resolve, events.Report{Verdict: events.Absent})
		d.off = 2 * keyLife
		d.restart()
		d.request(events.Request{UserID: "eve"})
		if len(d.o.holdings.all) != 1 {
			t.Error("the hold is not on record any more")
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.o.prune(soon); err != nil || len(d.o.jobs) != 0 {
			t.Errorf("it prunes: %v", err)
		}
		d.o.trust.settle()
		d.request(events.Request{UserID: "joe"})
		if len(d.o.holdings.all) != 0 {
			t.Error("the hold is not over, although the clock is believed")
		}
	})
}

// TestAConfirmedClockIsBelievedAfterTheCommit, whatever happened to earlier batches.
func TestAConfirmedClockIsBelievedAfterTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		d.o.distrust("it is a test")
		confirm := func() error {
			got := make(chan error, 1)
			go func() { got <- d.o.ConfirmClock(t.Context(), "ada", "looked at it") }()
			// What goes with it makes the batch one that the disk must take.
			if err := d.o.commit(t.Context(), []job{<-d.o.jobs, {request: d.fit(events.Request{UserID: "ada"})}}); err != nil {
				t.Fatal(err)
			}
			return <-got
		}
		d.store.Fill()
		if err := confirm(); !errors.Is(err, errBusy) || d.o.trust.why() == "" {
			t.Errorf("on a full disk: %v, doubt %q", err, d.o.trust.why())
		}
		d.store.Drain()
		if err := confirm(); err != nil || d.o.trust.why() != "" || len(d.o.believed) != 1 {
			t.Errorf("then: %v, doubt %q", err, d.o.trust.why())
		}
		if err := confirm(); !errors.Is(err, ErrClockNotInDoubt) {
			t.Errorf("again: %v", err)
		}
	})
}

// TestNoPermitToEraseIsRenewedUnderAHoldWhoseEndIsDoubted: the hold was placed after the
// permit, and is over by the new time alone.
func TestNoPermitToEraseIsRenewedUnderAHoldWhoseEndIsDoubted(t *testing.T) {
	for on, want := range map[string]events.RefusalReason{"": events.RefusedHeld, "account": events.RefusedHeld, "another": ""} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, oneShare())
			id := d.pastPivot()
			permit := d.permit(id, events.Erase)
			d.off = 24 * time.Hour
			d.commit(job{do: func(b *batch) error {
				h := d.hold("h")
				h.Participant, h.Until = on, time.Now().Add(time.Hour)
				b.out.Holds = append(b.out.Holds, h)
				b.jump(d.off)
				return nil
			}})
			if got := d.renewal(id, permit.Permit); got != want {
				t.Errorf("a hold on %q: refused as %q, want %q", on, got, want)
			}
			d.o.trust.settle()
			if got := d.renewal(id, permit.Permit); got != "" {
				t.Errorf("a hold on %q: refused as %q by a clock that is believed", on, got)
			}
		})
	}
}

// renewal renews a permit to erase, and returns why not.
func (d *desk) renewal(id saga.ID, permit string) events.RefusalReason {
	d.t.Helper()
	j := d.claim(id, events.Erase)
	j.claim.claim.Permit = permit
	a := d.commit(j)[0]
	if _, ok := a.payload.(events.Permit); ok {
		return ""
	}
	r, ok := a.payload.(events.Refusal)
	if !ok {
		d.t.Fatalf("renewal: %+v %v", a.payload, a.err)
	}
	return r.Reason
}

// TestAParticipantHasOneVoteOnTheClock, however many workers it has, and a no is one of them.
func TestAParticipantHasOneVoteOnTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, saga.Plan{Name: "all", Participants: []saga.Spec{{Name: "account"}, {Name: "sessions"}, {Name: "api-keys"}}})
		right := d.o.cfg.Now()
		wrong := right.Add(time.Hour)
		d.o.distrust("it is a test")
		for _, tell := range []struct {
			participant string
			time        time.Time
			doubted     bool
		}{
			{"account", wrong, true},
			{"sessions", right, true},
			{"sessions", right, true},       // another worker of it
			{"nobody", right, true},         // is not configured
			{"account", right, true},        // its other worker has another time
			{"api-keys", time.Time{}, true}, // does not tell
			{"api-keys", right, false},
		} {
			d.o.heard(tell.participant, tell.time)
			if got := d.o.trust.why() != ""; got != tell.doubted {
				t.Fatalf("after %s told %s: in doubt is %t", tell.participant, tell.time, got)
			}
		}
	})
}

// TestWhoSpeaksFirstDoesNotDecideAboutTheClock: they may be on the same machine. Once everybody
// could have told, those who did decide: the others may be away for long.
func TestWhoSpeaksFirstDoesNotDecideAboutTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, saga.Plan{Name: "all", Participants: []saga.Spec{{Name: "account"}, {Name: "sessions"}, {Name: "api-keys"}}})
		d.o.distrust("it is a test")
		for _, doubted := range []bool{true, true, false} {
			d.o.heard("account", d.o.cfg.Now())
			if got := d.o.trust.why() != ""; got != doubted {
				t.Errorf("in doubt is %t", got)
			}
			time.Sleep(time.Minute)
		}
		d.o.distrust("it is a test")
		d.o.heard("account", d.o.cfg.Now())
		d.o.heard("sessions", d.o.cfg.Now())
		if d.o.trust.why() != "" {
			t.Error("most of all agree, and it is in doubt")
		}
	})
}
