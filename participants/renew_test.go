package participants_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// stubborn is a participant that notes when its context ends.
func stubborn(began time.Time, ended *time.Duration) eraser {
	return func(ctx context.Context, _ participants.Task) (participants.Result, error) {
		<-ctx.Done()
		*ended = time.Since(began)
		return participants.Result{}, context.Cause(ctx)
	}
}

func TestThePermitCountsFromBeforeItWasAskedFor(t *testing.T) {
	var deadline time.Time
	p := eraser(func(ctx context.Context, _ participants.Task) (participants.Result, error) {
		deadline, _ = ctx.Deadline()
		return participants.Result{Verdict: events.Absent}, nil
	})
	onBench(t, p, func(b *bench, _ *participants.Config) {
		b.OnClaim = func(c events.Claim) events.Payload {
			time.Sleep(3 * time.Second)
			return b.Permit(c)
		}
	}, func(t *testing.T, b *bench) {
		asked := time.Now()
		b.ring(events.Erase)
		b.report()
		within(t, "deadline", deadline.Sub(asked), time.Minute, 0)
	})
}

func TestAPermitThatComesDeadIsNotActedOn(t *testing.T) {
	called := false
	p := eraser(func(context.Context, participants.Task) (participants.Result, error) {
		called = true
		return participants.Result{Verdict: events.Absent}, nil
	})
	onBench(t, p, func(b *bench, _ *participants.Config) {
		b.Life = 2 * time.Second
		b.OnClaim = func(c events.Claim) events.Payload {
			time.Sleep(3 * time.Second)
			return b.Permit(c)
		}
	}, func(t *testing.T, b *bench) {
		b.ring(events.Erase)
		if r := b.report(); called || r.Code != "permit_expired" || r.Class != events.Transient {
			t.Fatalf("called %v, report %+v", called, r)
		}
	})
}

func TestLongWorkRenewsItsPermit(t *testing.T) {
	onBench(t, slow(140*time.Second), nil, func(t *testing.T, b *bench) {
		b.ring(events.Erase)
		if r := b.report(); r.Verdict != events.Erased {
			t.Fatalf("report %+v", r)
		}
		claims := b.claims()
		if len(claims) != 5 { // one claim, and renewals at 30, 60, 90 and 120 s
			t.Fatalf("%d claims, want 5", len(claims))
		}
		for i, c := range claims[1:] {
			within(t, "renewal", c.Time.Sub(claims[0].Time), time.Duration(i+1)*30*time.Second, 0)
			if c.Permit != "s-1-erase-1" || c.Instance != "w1" {
				t.Fatalf("renewal %+v", c)
			}
		}
	})
}

func TestShortWorkRenewsNothing(t *testing.T) {
	onBench(t, slow(29*time.Second), nil, func(t *testing.T, b *bench) {
		b.ring(events.Erase)
		b.report()
		time.Sleep(time.Hour)
		if n := len(b.claims()); n != 1 {
			t.Fatalf("%d claims, want 1", n)
		}
	})
}

func TestARefusedRenewalEndsTheWorkAtOnce(t *testing.T) {
	var ended time.Duration
	onBench(t, nil, func(b *bench, cfg *participants.Config) {
		cfg.Participant = stubborn(time.Now(), &ended)
		b.OnClaim = renewals(b, events.Refusal{Reason: events.RefusedHeld})
	}, func(t *testing.T, b *bench) {
		b.ring(events.Erase)
		if r := b.report(); r.Code != "permit_withdrawn" || r.Class != events.Transient {
			t.Fatalf("report %+v", r)
		}
		within(t, "work ended", ended, 30*time.Second, 0)
	})
}

// renewals grants claims and answers renewals as given.
func renewals(b *bench, answer events.Payload) func(events.Claim) events.Payload {
	return func(c events.Claim) events.Payload {
		if c.Permit == "" {
			return b.Permit(c)
		}
		return answer
	}
}

func TestAnUnansweredRenewalIsTriedAgainUntilThePermitEnds(t *testing.T) {
	for name, answer := range map[string]events.Payload{
		"silence":   nil,
		"busy":      events.Problem{Code: events.CodeBusy, Detail: "try again"},
		"not ready": events.Refusal{Reason: events.RefusedNotReady},
	} {
		t.Run(name, func(t *testing.T) {
			var ended time.Duration
			onBench(t, nil, func(b *bench, cfg *participants.Config) {
				cfg.Participant = stubborn(time.Now(), &ended)
				b.OnClaim = renewals(b, answer)
			}, func(t *testing.T, b *bench) {
				b.ring(events.Erase)
				if r := b.report(); r.Code != "permit_expired" || r.Class != events.Transient {
					t.Fatalf("report %+v", r)
				}
				within(t, "work ended", ended, time.Minute, 0)
				if n := len(noted(b, &b.renewed)); n < 2 || n > 12 || slices.Contains(noted(b, &b.renewed), participants.Granted) {
					t.Fatalf("renewals %v", noted(b, &b.renewed))
				}
			})
		})
	}
}

func TestARenewalOfAnotherPermitEndsTheWork(t *testing.T) {
	var ended time.Duration
	onBench(t, nil, func(b *bench, cfg *participants.Config) {
		cfg.Participant = stubborn(time.Now(), &ended)
		b.OnClaim = func(c events.Claim) events.Payload {
			p := b.Permit(c)
			p.Permit += c.Permit
			return p
		}
	}, func(t *testing.T, b *bench) {
		b.ring(events.Erase)
		if r := b.report(); r.Code != "permit_withdrawn" {
			t.Fatalf("report %+v", r)
		}
		within(t, "work ended", ended, 30*time.Second, 0)
	})
}

func TestASuccessIsReportedEvenWhenItComesAfterThePermit(t *testing.T) {
	p := eraser(func(context.Context, participants.Task) (participants.Result, error) {
		time.Sleep(2 * time.Minute) // does not look at its context
		return participants.Result{Verdict: events.Erased, Counts: events.Counts{"rows": 3}}, nil
	})
	silent := func(b *bench, _ *participants.Config) { b.OnClaim = renewals(b, nil) }
	onBench(t, p, silent, func(t *testing.T, b *bench) {
		b.ring(events.Erase)
		if r := b.report(); r.Verdict != events.Erased || r.Counts["rows"] != 3 {
			t.Fatalf("report %+v", r)
		}
	})
	// Who can count is not asked to after the end, and without a count it is no success.
	counted := false
	c := counter{eraser: p, count: func(context.Context) (events.Counts, error) { counted = true; return nil, nil }}
	onBench(t, c, silent, func(t *testing.T, b *bench) {
		b.ring(events.Erase)
		if r := b.report(); counted || r.Code != "permit_expired" || r.Counts["rows"] != 3 || r.Remaining != nil {
			t.Fatalf("counted %v, report %+v", counted, r)
		}
	})
}
