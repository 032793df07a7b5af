package participants_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

var absent = erases(participants.Result{Verdict: events.Absent})

func TestAReportIsSentUntilItIsReceived(t *testing.T) {
	for name, answer := range map[string]events.Payload{
		"silence":        nil,
		"busy":           events.Problem{Code: events.CodeBusy, Detail: "try again"},
		"something else": events.Refusal{Reason: events.RefusedDone},
	} {
		t.Run(name, func(t *testing.T) {
			const lost = 30
			sent := 0
			onBench(t, absent, func(b *bench, _ *participants.Config) {
				b.OnReport = func(events.Report) events.Payload {
					if sent++; sent <= lost {
						return answer
					}
					return events.Receipt{Outcome: events.Took}
				}
			}, func(t *testing.T, b *bench) {
				b.ring(events.Erase)
				first := b.report()
				for range lost {
					began := time.Now()
					if r := b.report(); !reflect.DeepEqual(r, first) {
						t.Fatalf("report %+v, first %+v", r, first)
					}
					if w := time.Since(began); w > 20*time.Second || w < 100*time.Millisecond {
						t.Fatalf("sent again after %v", w)
					}
				}
				if got := noted(b, &b.received); !slices.Equal(got, []events.Outcome{events.Took}) {
					t.Fatalf("outcomes %v", got)
				}
			})
		})
	}
}

// envelopes notes the ids of the reports that pass.
type envelopes struct {
	participants.Bus
	mu  sync.Mutex
	ids []string
}

func (b *envelopes) Ask(ctx context.Context, subject string, e events.Envelope, m events.Payload) (events.Payload, error) {
	if _, ok := m.(events.Report); ok {
		b.mu.Lock()
		b.ids = append(b.ids, e.ID)
		b.mu.Unlock()
	}
	return b.Bus.Ask(ctx, subject, e, m)
}

func TestAReportThatIsSentAgainKeepsItsID(t *testing.T) {
	var seen *envelopes
	onBench(t, absent, func(b *bench, c *participants.Config) {
		seen = &envelopes{Bus: c.Bus}
		c.Bus = seen
		sent := 0
		b.OnReport = func(events.Report) events.Payload {
			if sent++; sent <= 2 {
				return nil
			}
			return events.Receipt{Outcome: events.Took}
		}
	}, func(t *testing.T, b *bench) {
		b.ring(events.Erase)
		for range 3 {
			b.report()
		}
		b.ring(events.Verify)
		b.report()
		seen.mu.Lock()
		defer seen.mu.Unlock()
		if len(seen.ids) != 4 || seen.ids[0] != seen.ids[1] || seen.ids[1] != seen.ids[2] || seen.ids[2] == seen.ids[3] {
			t.Fatalf("ids %v: want one for three sends, and another one for the next report", seen.ids)
		}
	})
}

func TestAReportThatWasAnsweredIsNotSentAgain(t *testing.T) {
	for name, answer := range map[string]events.Payload{
		"accepted": events.Receipt{Outcome: events.Took},
		"recorded": events.Receipt{Outcome: events.Recorded},
		"refused":  events.Receipt{Outcome: events.Rejected, Reason: "no such permit"},
		"problem":  events.Problem{Code: events.CodeInvalid, Detail: "no"},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, absent, func(b *bench, _ *participants.Config) {
				b.OnReport = func(events.Report) events.Payload { return answer }
			}, func(t *testing.T, b *bench) {
				b.ring(events.Erase)
				b.report()
				time.Sleep(time.Hour)
				if len(b.Reports) > 0 {
					t.Fatal("the report was sent again")
				}
			})
		})
	}
}

func TestAReportThatCannotBeSentIsReplacedByOneThatSaysSo(t *testing.T) {
	many := make([]events.Identifier, 5000) // more than the wire takes
	for i := range many {
		many[i] = events.Identifier{Type: "email", Value: events.Private(strings.Repeat("x", i+1) + "@example.com")}
	}
	same(t, reportOn(t, resolver{found: many}, events.Resolve), failure(events.Misconfigured, "unsendable_report"))
	long := fails(&participants.Retained{Ground: strings.Repeat("g", 2000)})
	same(t, reportOn(t, long, events.Erase), failure(events.Misconfigured, "unsendable_report"))
}

func TestAStopFinishesWhatWasGranted(t *testing.T) {
	onBench(t, slow(20*time.Second), nil, func(t *testing.T, b *bench) {
		<-b.ring(events.Erase)
		b.stop()
		synctest.Wait()
		late := b.Ring(b.Command("s-2", events.Erase))
		if err := <-b.ended; err != nil {
			t.Fatal(err)
		}
		if r := b.report(); r.Verdict != events.Erased || len(b.Reports) > 0 {
			t.Fatalf("report %+v and %d more", r, len(b.Reports))
		}
		if isClosed(late) || len(b.claims()) != 1 {
			t.Fatal("a command was taken after the stop")
		}
	})
}

func TestAStopWaitsForAClaimThatWasSent(t *testing.T) {
	onBench(t, absent, func(b *bench, _ *participants.Config) {
		b.OnClaim = func(c events.Claim) events.Payload {
			time.Sleep(3 * time.Second)
			return b.Permit(c)
		}
	}, func(t *testing.T, b *bench) {
		acked := b.ring(events.Erase)
		synctest.Wait()
		b.stop()
		if err := <-b.ended; err != nil {
			t.Fatal(err)
		}
		if r := b.report(); r.Verdict != events.Absent || !isClosed(acked) {
			t.Fatalf("report %+v, acked %v", r, isClosed(acked))
		}
	})
}

func TestAStopHandsADoorbellBackThatWaitsForASlot(t *testing.T) {
	onBench(t, slow(5*time.Second), func(_ *bench, cfg *participants.Config) { cfg.Concurrency = 1 }, func(t *testing.T, b *bench) {
		<-b.Ring(b.Command("s-1", events.Erase))
		waiting := b.Ring(b.Command("s-2", events.Erase))
		synctest.Wait()
		b.stop()
		<-b.ended
		if isClosed(waiting) || len(b.claims()) != 1 {
			t.Fatal("want the second doorbell handed back, unclaimed")
		}
	})
}

func TestAStopEndsWorkThatTakesTooLong(t *testing.T) {
	var ended time.Duration
	onBench(t, nil, func(_ *bench, cfg *participants.Config) {
		cfg.Participant = stubborn(time.Now(), &ended)
		cfg.StopTimeout = 20 * time.Second
	}, func(t *testing.T, b *bench) {
		<-b.ring(events.Erase)
		b.stop()
		if err := <-b.ended; err != nil {
			t.Fatal(err)
		}
		within(t, "work ended", ended, 15*time.Second, 0)
		if r := b.report(); r.Class != events.Transient || r.Code != "stopping" {
			t.Fatalf("report %+v", r)
		}
	})
}

func TestAStopKeepsReportingForABoundedTime(t *testing.T) {
	onBench(t, absent, func(b *bench, cfg *participants.Config) {
		cfg.StopTimeout = 30 * time.Second
		b.OnReport = func(events.Report) events.Payload { return nil }
	}, func(t *testing.T, b *bench) {
		<-b.ring(events.Erase)
		b.report()
		began := time.Now()
		b.stop()
		if err := <-b.ended; err != nil {
			t.Fatal(err)
		}
		within(t, "gave up", time.Since(began), 27*time.Second, 0)
		if len(b.Reports) < 2 {
			t.Fatalf("%d reports while stopping", len(b.Reports))
		}
		if got := noted(b, &b.received); !slices.Equal(got, []events.Outcome{""}) {
			t.Fatalf("outcomes %v", got)
		}
	})
}

func TestAStopLeavesAParticipantBehindThatDoesNotReturn(t *testing.T) {
	release := make(chan struct{})
	p := eraser(func(context.Context, participants.Task) (participants.Result, error) {
		<-release
		return participants.Result{Verdict: events.Absent}, nil
	})
	onBench(t, p, func(_ *bench, cfg *participants.Config) {
		cfg.StopTimeout = 20 * time.Second
		release = make(chan struct{}) // of the bubble
	}, func(t *testing.T, b *bench) {
		<-b.ring(events.Erase)
		began := time.Now()
		b.stop()
		if err := <-b.ended; !errors.Is(err, participants.ErrAbandoned) {
			t.Fatalf("error %v", err)
		}
		within(t, "returned", time.Since(began), 20*time.Second, 0)
		close(release)
	})
}

// deaf is a bus that cannot subscribe, or whose subscription ends by itself.
type deaf struct {
	participants.Bus
	err error
}

func (d deaf) Commands(context.Context, string, int) (<-chan participants.Doorbell, error) {
	ch := make(chan participants.Doorbell)
	close(ch)
	return ch, d.err
}

func TestRunReturnsWhenItsSubscriptionIsGone(t *testing.T) {
	for _, c := range []struct{ subscribe, want error }{{errBroken, errBroken}, {nil, participants.ErrSubscription}} {
		onBench(t, absent, func(_ *bench, cfg *participants.Config) { cfg.Bus = deaf{cfg.Bus, c.subscribe} },
			func(t *testing.T, b *bench) {
				if err := <-b.ended; !errors.Is(err, c.want) {
					t.Fatalf("error %v, want %v", err, c.want)
				}
			})
	}
}
