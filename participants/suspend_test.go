package participants_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// TestTheFirstUndoEverAcceptedCounts: what is prepared by now may be the state after an
// earlier suspend, and restoring that would leave the person suspended.
func TestTheFirstUndoEverAcceptedCounts(t *testing.T) {
	for name, c := range map[string]struct {
		permit   participants.Undo
		reported participants.Undo
		calls    string
	}{
		"another worker was first":         {"", "was enabled", "[prepare suspend: the first]"},
		"prepared under an earlier permit": {"the first", "the first", "[suspend: the first]"},
	} {
		t.Run(name, func(t *testing.T) {
			var calls []string
			onBench(t, suspender{calls: &calls}, func(b *bench, _ *participants.Config) {
				b.OnClaim = func(claim events.Claim) events.Payload {
					p := b.Permit(claim)
					p.Undo = c.permit
					return p
				}
				b.OnReport = func(r events.Report) events.Payload {
					receipt := events.Receipt{Outcome: events.Took}
					if r.Verdict == events.Prepared {
						receipt.Undo = "the first"
					}
					return receipt
				}
			}, func(t *testing.T, b *bench) {
				b.ring(events.Suspend)
				if r := b.report(); r.Verdict != events.Prepared || r.Undo.Reveal() != c.reported.Reveal() {
					t.Fatalf("report %+v", r)
				}
				if r := b.report(); r.Verdict != events.Suspended {
					t.Fatalf("report %+v", r)
				}
				if got := fmt.Sprint(calls); got != c.calls {
					t.Fatal(got)
				}
			})
		})
	}
}

// forgetful has nothing to say before it suspends.
type forgetful struct{ suspender }

func (forgetful) Prepare(context.Context, participants.Task) (participants.Undo, error) {
	return "", nil
}

// TestAnEmptyUndoSuspendsNothing: nobody could tell it from one that was lost, and restore
// would refuse it.
func TestAnEmptyUndoSuspendsNothing(t *testing.T) {
	var calls []string
	same(t, reportOn(t, forgetful{suspender{calls: &calls}}, events.Suspend), failure(events.Misconfigured, "no_undo"))
	if len(calls) > 0 {
		t.Errorf("calls %v", calls)
	}
}

func TestRestoreBringsBackWhatThePermitSays(t *testing.T) {
	var calls []string
	onBench(t, suspender{calls: &calls}, func(b *bench, _ *participants.Config) {
		b.OnClaim = func(c events.Claim) events.Payload {
			p := b.Permit(c)
			p.Undo = "was enabled"
			return p
		}
	}, func(t *testing.T, b *bench) {
		b.ring(events.Restore)
		if r := b.report(); r.Verdict != events.Restored || r.Undo != "" {
			t.Fatalf("report %+v", r)
		}
		if got := fmt.Sprint(calls); got != "[restore: was enabled]" {
			t.Fatal(got)
		}
	})
}

// indiscreet quotes what it was given.
type indiscreet struct{ suspender }

func (indiscreet) Restore(_ context.Context, t participants.Task, u participants.Undo) (participants.Result, error) {
	return participants.Result{}, fmt.Errorf("cannot bring back %s of %s", u.Reveal(), t.Items[0].Reference.Reveal())
}

func (indiscreet) ItemKinds() []events.Kind { return []events.Kind{"rows"} }

func TestUndoAndReferencesAreNotLogged(t *testing.T) {
	var calls []string
	var log bytes.Buffer
	onBench(t, indiscreet{suspender{calls: &calls}}, func(b *bench, cfg *participants.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		b.OnClaim = func(c events.Claim) events.Payload {
			p := b.Permit(c)
			p.Undo = "role=editor"
			p.Items = []events.Item{{Participant: cfg.Name, Kind: "rows", Reference: "scan-0042"}}
			return p
		}
	}, func(t *testing.T, b *bench) {
		b.ring(events.Restore)
		if r := b.report(); r.Code != "error" {
			t.Fatalf("report %+v", r)
		}
	})
	text := log.String()
	if !strings.Contains(text, "cannot bring back [redacted] of [redacted]") || strings.Contains(text, "editor") || strings.Contains(text, "scan-0042") {
		t.Errorf("logged: %s", text)
	}
}

// TestANarrowTaskIsNeverTakenForTheWholeShare: the participant is not even asked.
func TestANarrowTaskIsNeverTakenForTheWholeShare(t *testing.T) {
	p := eraser(func(context.Context, participants.Task) (participants.Result, error) {
		t.Error("the participant was asked")
		return participants.Result{Verdict: events.Absent}, nil
	})
	onBench(t, p, func(b *bench, cfg *participants.Config) {
		b.OnClaim = func(c events.Claim) events.Payload {
			m := b.Permit(c)
			m.Items = []events.Item{{Participant: cfg.Name, Kind: "rows", Reference: "r-1"}}
			return m
		}
	}, func(t *testing.T, b *bench) {
		b.ring(events.Erase)
		if r := b.report(); r.Class != events.Refused || r.Code != "no_items" {
			t.Fatalf("report %+v", r)
		}
	})
}

// TestWhatWasCreatedAfterTheCutOffIsReportedAsLeft, and only where there is a cut-off: who
// leaves something without one has not erased.
func TestWhatWasCreatedAfterTheCutOffIsReportedAsLeft(t *testing.T) {
	cutOff := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for name, c := range map[string]struct {
		cutOff *time.Time
		left   events.Counts
		code   string
	}{
		"with a cut-off":    {&cutOff, events.Counts{"rows": 2}, ""},
		"without a cut-off": {nil, events.Counts{"rows": 2}, "bad_counts"},
		"a count below 0":   {&cutOff, events.Counts{"rows": -2}, "bad_counts"},
	} {
		t.Run(name, func(t *testing.T) {
			p := erases(participants.Result{Verdict: events.Erased, Counts: events.Counts{"rows": 1}, Left: c.left})
			onBench(t, p, func(b *bench, _ *participants.Config) { b.CutOff = c.cutOff }, func(t *testing.T, b *bench) {
				b.ring(events.Erase)
				r := b.report()
				if r.Code != c.code || c.code == "" && r.Left["rows"] != 2 {
					t.Fatalf("report %+v", r)
				}
			})
		})
	}
}

// TestALostReceiptIsAskedForAgain, also when the permit would have ended before the answer's
// time was over, and was renewed meanwhile.
func TestALostReceiptIsAskedForAgain(t *testing.T) {
	var calls []string
	lost := false
	onBench(t, suspender{calls: &calls}, func(b *bench, cfg *participants.Config) {
		cfg.AnswerTimeout = 5 * time.Second
		b.Life = 3 * time.Second
		b.OnReport = func(events.Report) events.Payload {
			if !lost {
				lost = true
				return nil
			}
			return events.Receipt{Outcome: events.Took}
		}
	}, func(t *testing.T, b *bench) {
		b.ring(events.Suspend)
		b.report()
		time.Sleep(time.Minute)
		if len(b.Reports) == 0 {
			t.Fatal("it waits for an answer that was lost")
		}
		if r := b.report(); r.Verdict != events.Prepared {
			t.Fatalf("report %+v", r)
		}
	})
}
