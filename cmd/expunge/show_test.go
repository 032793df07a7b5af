package main

import (
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
)

func day(n int) time.Time { return time.Date(2026, 2, n, 9, 0, 0, 0, time.UTC) }

func shown(st events.Status) string {
	var b strings.Builder
	showStatus(&b, st)
	return b.String()
}

// TestAStatusSaysWhatIsInTheWay: what keeps the whole erasure, what holds for one share,
// and what may still happen.
func TestAStatusSaysWhatIsInTheWay(t *testing.T) {
	grace, until := day(10), day(20)
	st := events.Status{
		Saga: "s-1", State: events.Grace, Started: day(3), Due: day(28), Queued: true,
		GraceUntil: &grace, Held: "court order 17/26", HeldUntil: &until,
		Participants: []events.ParticipantStatus{{Name: "account", Verb: events.Suspend, Step: "granted", Suspended: true, Held: true}},
		Alive:        []events.AlivePermit{{Participant: "sessions", Verb: events.Suspend, Until: day(4)}},
	}
	want := `saga      s-1
state     grace
started   2026-02-03T09:00:00Z
due       2026-02-28T09:00:00Z
queued    until the erasure of the same person that is under way has ended
grace     until 2026-02-10T09:00:00Z: nothing is erased before
held      until 2026-02-20T09:00:00Z: court order 17/26
  account              granted   suspend, suspended
alive     sessions may still suspend, until 2026-02-04T09:00:00Z
`
	if got := shown(st); got != want {
		t.Errorf("shown:\n%s\nwant:\n%s", got, want)
	}
}

// TestAStatusOfTheEndSaysNothingOfWhatIsOver: a hold and a grace are of no concern then.
func TestAStatusOfTheEndSaysNothingOfWhatIsOver(t *testing.T) {
	over := day(10)
	st := events.Status{Saga: "s-1", State: events.Cancelled, Started: day(3), Due: day(28), Ended: &over, GraceUntil: &over, Held: "dispute 5"}
	if got := shown(st); strings.Contains(got, "grace") || strings.Contains(got, "held") {
		t.Errorf("shown:\n%s", got)
	}
	share := events.ParticipantStatus{Name: "account", Verb: events.Erase, Step: "waiting", Held: true}
	st = events.Status{Saga: "s-1", State: events.Erasing, Started: day(3), Due: day(28), GraceUntil: &over, Participants: []events.ParticipantStatus{share}}
	if got := shown(st); strings.Contains(got, "grace") || !strings.HasSuffix(got, "account              waiting   erase, held\n") {
		t.Errorf("shown:\n%s", got)
	}
}

// TestACancellationNamesWhatItDoesNotUndo, and what may still be done.
func TestACancellationNamesWhatItDoesNotUndo(t *testing.T) {
	var b strings.Builder
	showCancellation(&b, events.Cancellation{
		Saga: "s-1", Request: "s-1.1", Result: events.CancelledSaga, State: events.Restoring, NotRestored: []string{"sessions"},
		Alive: []events.AlivePermit{{Participant: "account", Verb: events.Suspend, Until: day(4)}},
	})
	want := `cancelled nothing of the person is erased
saga      s-1
state     restoring
stays     sessions: what was ended there is not brought back
alive     account may still suspend, until 2026-02-04T09:00:00Z
recorded  and not yet replicated: until the bus has it, it would be lost with the orchestrator's disk
`
	if b.String() != want {
		t.Errorf("shown:\n%s\nwant:\n%s", b.String(), want)
	}
	b.Reset()
	showCancellation(&b, events.Cancellation{Saga: "s-1", Result: events.WithdrawnRequest, State: events.Resolving, Replicated: true})
	if got := b.String(); got != "withdrawn others still want the erasure, and it goes on\nsaga      s-1\nstate     resolving\n" {
		t.Errorf("shown:\n%s", got)
	}
}

// TestADecisionThatLeavesTheSagaGoingIsNoCancel: one of several requests was withdrawn.
func TestADecisionThatLeavesTheSagaGoingIsNoCancel(t *testing.T) {
	var b strings.Builder
	showDecision(&b, events.Operation{Verb: events.OpCancel}, events.Operated{Saga: "s-1", State: events.Resolving, Explain: "others want it", Replicated: true})
	if got := b.String(); got != "withdrawn now resolving\nnext      others want it\n" {
		t.Errorf("shown:\n%s", got)
	}
}

// TestASummarySaysWhatWasNotErased: a share that is excepted, and what came too late.
func TestASummarySaysWhatWasNotErased(t *testing.T) {
	var b strings.Builder
	showSummary(&b, events.Summary{State: events.CompletedWithExceptions, Started: day(3), Ended: day(4), Pseudonym: "h1-9f86", Plan: "all",
		Participants: []events.ParticipantSummary{{Name: "account", Verdict: events.Erased, Counts: events.Counts{"accounts": 1}, Left: events.Counts{"accounts": 2}}},
		Exceptions:   []events.Exception{{Participant: "wiki", Kind: "waived", Ground: "switched off", By: "ada"}}})
	want := `completed_with_exceptions in 24h0m0s, person h1-9f86..., plan all
  account              erased    1 accounts; made after the request, and kept: 2 accounts
  exception: wiki waived: switched off (ada)
`
	if b.String() != want {
		t.Errorf("shown:\n%s\nwant:\n%s", b.String(), want)
	}
}
