package participants_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// slow is a participant whose erase takes d.
func slow(d time.Duration) eraser {
	return func(ctx context.Context, _ participants.Task) (participants.Result, error) {
		select {
		case <-time.After(d):
			return participants.Result{Verdict: events.Erased, Counts: events.Counts{"rows": 1}}, nil
		case <-ctx.Done():
			return participants.Result{}, ctx.Err()
		}
	}
}

func TestTheCommandIsAckedAsSoonAsItIsGranted(t *testing.T) {
	onBench(t, slow(20*time.Second), nil, func(t *testing.T, b *bench) {
		acked := b.ring(events.Erase)
		synctest.Wait()
		if !isClosed(acked) || len(b.Reports) > 0 {
			t.Fatalf("acked %v with %d reports, want acked before the work is done", isClosed(acked), len(b.Reports))
		}
		if r := b.report(); r.Verdict != events.Erased || r.Permit != "s-1-erase-1" || r.Saga != "s-1" || r.Round != 1 {
			t.Fatalf("report %+v", r)
		}
	})
}

func TestARefusedClaimIsAckedAndNothingIsDone(t *testing.T) {
	onBench(t, slow(0), func(b *bench, _ *participants.Config) {
		b.OnClaim = func(events.Claim) events.Payload { return events.Refusal{Reason: events.RefusedHeld} }
	}, func(t *testing.T, b *bench) {
		<-b.ring(events.Erase)
		time.Sleep(time.Minute)
		if len(b.Reports) > 0 || len(b.claims()) != 1 {
			t.Fatalf("%d reports after %d claims, want none after one", len(b.Reports), len(b.claims()))
		}
		if !slices.Equal(noted(b, &b.answered), []participants.Answer{participants.Declined}) {
			t.Fatalf("doorbells: %v", noted(b, &b.answered))
		}
	})
}

func TestARefusedClaimGivesItsSlotBack(t *testing.T) {
	refusals := 3
	onBench(t, absent, func(b *bench, cfg *participants.Config) {
		cfg.Concurrency = 1
		b.OnClaim = func(c events.Claim) events.Payload {
			if refusals--; refusals >= 0 {
				return events.Refusal{Reason: events.RefusedBusy}
			}
			return b.Permit(c)
		}
	}, func(t *testing.T, b *bench) {
		for range 4 {
			<-b.ring(events.Erase)
		}
		b.report()
		if got := noted(b, &b.answered); slices.Contains(got, participants.NoSlot) || len(got) != 4 {
			t.Fatalf("doorbells: %v", got)
		}
	})
}

func TestAClaimThatNobodyAnswersIsMadeAgainLater(t *testing.T) {
	for name, answer := range map[string]events.Payload{
		"silence": nil,
		"busy":    events.Problem{Code: events.CodeBusy, Detail: "try again"},
		"another step's permit": events.Permit{Permit: "p", Saga: "s-2", Verb: events.Erase, Round: 1, Attempt: 1,
			LifeMS: 60_000, Realm: "example"},
		"something else": events.Receipt{Outcome: events.Took},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			onBench(t, slow(0), func(b *bench, _ *participants.Config) {
				b.OnClaim = func(c events.Claim) events.Payload {
					if tries++; tries < 3 {
						return answer
					}
					return b.Permit(c)
				}
			}, func(t *testing.T, b *bench) {
				acked := b.ring(events.Erase)
				if r := b.report(); r.Verdict != events.Erased {
					t.Fatalf("report %+v", r)
				}
				<-acked
				want := []participants.Answer{participants.Unanswered, participants.Unanswered, participants.Granted}
				if !slices.Equal(noted(b, &b.answered), want) {
					t.Fatalf("doorbells: %v", noted(b, &b.answered))
				}
				for _, c := range b.claims() {
					if c.Instance != "w1" || c.Permit != "" {
						t.Fatalf("claim %+v: want a fresh claim of the same instance", c)
					}
				}
			})
		})
	}
}

func TestAClaimThatTheOrchestratorDoesNotTakeIsNotMadeAgain(t *testing.T) {
	onBench(t, slow(0), func(b *bench, _ *participants.Config) {
		b.OnClaim = func(events.Claim) events.Payload {
			return events.Problem{Code: events.CodeUnsupported, Detail: "too old"}
		}
	}, func(t *testing.T, b *bench) {
		<-b.ring(events.Erase)
		time.Sleep(time.Hour)
		if n := len(b.claims()); n != 1 {
			t.Fatalf("%d claims, want 1", n)
		}
	})
}

func TestWhatIsNoCommandForUsIsDisposedOfOnce(t *testing.T) {
	onBench(t, slow(0), nil, func(t *testing.T, b *bench) {
		<-b.RingDoorbell(participants.Doorbell{Fault: events.ErrMalformed})
		foreign := b.Command("s-1", events.Erase)
		foreign.Participant = "sessions"
		<-b.Ring(foreign)
		synctest.Wait()
		if n := len(b.claims()); n > 0 {
			t.Fatalf("%d claims, want none", n)
		}
		if !slices.Equal(noted(b, &b.answered), []participants.Answer{participants.Malformed, participants.Foreign}) {
			t.Fatalf("doorbells: %v", noted(b, &b.answered))
		}
	})
}

func TestADuplicateDoorbellIsAckedWithoutAnotherClaim(t *testing.T) {
	onBench(t, slow(10*time.Second), nil, func(t *testing.T, b *bench) {
		for range 5 {
			<-b.ring(events.Erase)
		}
		b.report()
		if n := len(b.claims()); n != 1 {
			t.Fatalf("%d claims, want 1", n)
		}
		synctest.Wait()
		<-b.ring(events.Erase) // after the receipt the step is free again
		b.report()
		if n := len(b.claims()); n != 2 {
			t.Fatalf("%d claims after the step was reported, want 2", n)
		}
	})
}

func TestAFullWorkerHandsItsDoorbellsBack(t *testing.T) {
	onBench(t, slow(5*time.Second), func(_ *bench, cfg *participants.Config) { cfg.Concurrency = 1 }, func(t *testing.T, b *bench) {
		<-b.Ring(b.Command("s-1", events.Erase))
		b.Ring(b.Command("s-2", events.Erase))
		time.Sleep(2 * time.Second)
		if n := len(b.claims()); n != 1 || !slices.Contains(noted(b, &b.answered), participants.NoSlot) {
			t.Fatalf("%d claims, doorbells %v: want no claim without a slot", n, noted(b, &b.answered))
		}
		if a, c := b.report(), b.report(); a.Saga != "s-1" || c.Saga != "s-2" {
			t.Fatalf("reports of %s and %s", a.Saga, c.Saga)
		}
	})
}

func TestSlotsBoundTheWorkAtOnce(t *testing.T) {
	onBench(t, slow(10*time.Second), func(_ *bench, cfg *participants.Config) { cfg.Concurrency = 3 }, func(t *testing.T, b *bench) {
		for _, saga := range []string{"s-1", "s-2", "s-3", "s-4", "s-5", "s-6"} {
			b.Ring(b.Command(saga, events.Erase))
		}
		time.Sleep(9 * time.Second)
		if n := len(b.claims()); n != 3 {
			t.Fatalf("%d steps claimed with 3 slots", n)
		}
		for range 6 {
			b.report()
		}
	})
}
