package saga

import (
	"slices"
	"testing"
	"time"
)

// knownShare is the way of one share up to the end of its first look.
var knownShare = []string{"participant sessions suspends yes", "plan grace 7d", "request r1 from billing",
	"claim resolve sessions by w1", "report p1 resolved 3",
	"claim suspend sessions by w1", "report p2 prepared undo u1", "report p2 suspended 3"}

func TestWhoJoinsThePlanInMidSuspendIsResolvedAndSuspended(t *testing.T) {
	st, _ := tell(t, knownShare[:5]...)
	blind := Spec{Name: "zoo", Unverified: "no api", Yields: []string{"mail"}, Suspends: true}
	u := st.plan.WithDefaults().Union(Plan{Name: "story", Participants: []Spec{blind}})
	st.step(Replanned{u})
	st.plan = u
	st.tell("claim suspend sessions by w1", "report p2 prepared undo u1", "report p2 suspended 3",
		"claim resolve zoo by w1", "report p3 resolved", "claim suspend zoo by w1", "report p4 prepared undo u2", "report p4 suspended 1")
	if st.s.Phase != Grace {
		t.Errorf("everybody is suspended, and it stays %s: %s", st.s.Phase, Explain(u, st.s, st.now))
	}
}

func TestAPlanThatLeavesSomebodyOutIsNotTaken(t *testing.T) {
	st, _ := tell(t, "participant a", "participant b", "request r1 from billing")
	st.step(Replanned{Plan{Name: "story", Participants: []Spec{{Name: "b"}}}.WithDefaults()})
	if st.s.Plan != st.plan.WithDefaults().Digest() || st.s.Doubt == "" {
		t.Errorf("a share is not in the plan any more, so the saga can never end: doubt %q", st.s.Doubt)
	}
}

func TestAWaivedShareIsNotLookedAtAgain(t *testing.T) {
	st, _ := tell(t, knownShare...)
	st.tell("waive sessions", "wait 7d")
	if h := st.s.Share("sessions"); h.Resolve.Status != Reported {
		t.Errorf("nobody is left to resolve it, nobody can waive it again, and the pivot waits: %s", h.Resolve.Status)
	}
}

func TestAResolverIsWaivedAfterThoseWhoNeedIt(t *testing.T) {
	st, _ := tell(t, "participant account yields mail", "participant mailing needs mail", "participant sessions", "request r1 from billing")
	if got := st.tell("waive account"); has(got, "waived") {
		t.Errorf("mailing would never learn whom to erase: %q", got)
	}
	if got := st.tell("waive mailing", "waive account"); !has(got, "waived") {
		t.Errorf("nobody needs it any more: %q", got)
	}
}

func TestGraceSurvivesAClockThatJumpedAhead(t *testing.T) {
	st, _ := tell(t, knownShare...)
	st.silent = true
	st.braked = true // the shell sees that the clocks disagree
	st.tell("wait 10d", "claim resolve sessions by w1", "report p3 resolved 3", "clock back 239h")
	st.braked = false
	if st.tell("wait 1m"); !st.s.Pivoted.IsZero() {
		t.Errorf("the pivot is passed %s after the request, with a grace of 7 days", st.now.Sub(st.start))
	}
}

func TestALookOfAWrongClockIsMadeAgain(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "brake on", "pass 10d",
		"claim resolve sessions by w1", "report p1 resolved 3", "clock back 239h", "brake off")
	if !st.s.Pivoted.IsZero() || st.s.Look != 2 {
		t.Errorf("look %d is from the future, and the saga passed its pivot on it: %v", st.s.Look, !st.s.Pivoted.IsZero())
	}
}

func TestABrakeDoesNotFlap(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "brake on", "claim resolve sessions by w1", "report p1 resolved 3")
	for range 60 {
		if got := st.tell("wait 1m"); has(got, "event resumed") {
			t.Fatalf("announced as resumed while the brake is on: %q", got)
		}
	}
}

func TestAnUnansweredQuestionIsAskedAgainSoon(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "claim resolve sessions by w1")
	s, effects, err := Next(st.plan.WithDefaults(), st.s, st.report([]string{"p1", "resolved", "3"}), st.now)
	if err != nil || !slices.Contains(effects, Effect(AskPivot{})) {
		t.Fatalf("it does not ask: %v", err)
	}
	if at, _ := s.Wake(st.plan.WithDefaults(), st.now); at.Sub(st.now) > time.Minute {
		t.Errorf("without an answer it asks again in %s", at.Sub(st.now))
	}
}

func TestAGraceThatIsOverInDoubtDoesNotSpin(t *testing.T) {
	st, _ := tell(t, knownShare...)
	st.step(Doubted{Reason: "whose phone is it?"})
	st.tell("wait 8d")
	if at, ok := st.s.Wake(st.plan.WithDefaults(), st.now); !ok || !at.After(st.now) {
		t.Errorf("it wakes %s ago, again and again", st.now.Sub(at))
	}
}

func TestAPivotThatWasDecidedNeedsNoGrace(t *testing.T) {
	st, _ := tell(t, knownShare...)
	st.tell("decided pivoted", "claim resolve sessions by w1", "report p3 resolved 3")
	if st.s.Phase != Erasing {
		t.Errorf("no cancel is possible, and it waits for one: %s", Explain(st.plan.WithDefaults(), st.s, st.now))
	}
}

func TestOneDecisionWinsAlsoInARestoredSaga(t *testing.T) {
	st, _ := tell(t, knownShare...)
	st.tell("decided pivoted", "decided cancelled")
	if st.s.Phase == Restoring {
		t.Error("cancelled after its pivot")
	}
}

func TestAQueuedSagaThatWasCancelledMeanwhileGetsToAnEnd(t *testing.T) {
	st, _ := tell(t, "participant sessions suspends yes", "queue r1 from billing", "decided cancelled", "waive sessions restore")
	if st.s.Phase != Cancelled {
		t.Errorf("it stays %s, and nothing moves it", st.s.Phase)
	}
}

func TestAnEndThatIsNoneIsNotTaken(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing")
	st.step(Decided{Kind: DecidedEnd})
	if st.s.Phase != Resolving {
		t.Errorf("phase %q", st.s.Phase)
	}
}

func TestAFailureAfterTheCancelParksNothing(t *testing.T) {
	st, _ := tell(t, knownShare[:6]...)
	st.tell("report p2 prepared undo u1", "cancel r1 from billing", "report p2 failed misconfigured no_right")
	if why := st.s.Stuck(); why != "" {
		t.Errorf("an operator is called for a step that nobody wants any more: %s", why)
	}
}

func TestNothingLateIsAwaitedOfAnEmptySuspend(t *testing.T) {
	st, _ := tell(t, knownShare[:6]...)
	st.tell("report p2 prepared undo u1", "cancel r1 from billing", "report p2 absent", "claim restore sessions by w1", "report p3 absent")
	if st.s.Phase != Cancelled {
		t.Errorf("the worker said that there was nothing, and the saga stays open: %s", Explain(st.plan.WithDefaults(), st.s, st.now))
	}
}

func TestALateLeftoverOutvotesAnOlderZero(t *testing.T) {
	st, _ := tell(t, "participant delegations", "participant keys after delegations", "request r1 from billing",
		"claim resolve delegations by w1", "report p1 resolved 3", "claim resolve keys by w1", "report p2 resolved 1",
		"claim erase delegations by w1", "wait 66s", "wait 10s", "claim erase delegations by w2", "wait 66s",
		"report p4 erased 1 remaining 2", "report p3 absent remaining 0")
	if got := st.tell("claim erase keys by w1"); has(got, "grant ") {
		t.Errorf("the newer attempt counted 2 delegations, and the keys go: %q", got)
	}
}

func TestAHoldThatIsOverWhenItComesHoldsNothing(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing")
	st.step(HoldPlaced{Hold{ID: "h", Ground: "litigation", By: "ada", At: st.now.Add(-time.Hour), Until: st.now.Add(-time.Minute)}})
	if at, _ := st.s.Wake(st.plan.WithDefaults(), st.now); !at.After(st.now) || len(st.s.Holds) > 0 {
		t.Errorf("it wakes %s ago; holds %v", st.now.Sub(at), st.s.Holds)
	}
}

func TestAHeldSagaKeepsWhatIsSealed(t *testing.T) {
	st, _ := tell(t, append([]string{"participant sessions"}, erasedShare...)...)
	st.tell("claim verify sessions by w1", "hold h1 by ada", "report p3 counted remaining 0")
	if st.s.Phase.Final() {
		t.Error("the end destroys the data key, and with it what the hold is to keep")
	}
	if st.tell("release h1"); st.s.Phase != Completed {
		t.Errorf("released, and it stays %s", st.s.Phase)
	}
}

func TestASetBackClockDoesNotStretchAPause(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "pass 10d", "claim resolve sessions by w1",
		"report p1 failed transient down", "clock back 239h")
	if pause := st.s.Share("sessions").Resolve.Until.Sub(st.now); pause > time.Minute {
		t.Errorf("it paused for seconds, and now for %s", pause)
	}
}
