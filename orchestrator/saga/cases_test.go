package saga

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tell plays lines of a transcript and returns the story with the answer to the last one.
func tell(t *testing.T, lines ...string) (*story, []string) {
	t.Helper()
	st := newStory(t)
	return st, st.tell(lines...)
}

func (st *story) tell(lines ...string) (last []string) {
	st.t.Helper()
	for _, l := range lines {
		last = st.do(strings.Fields(l))
	}
	return last
}

func has(lines []string, part string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, part) })
}

// erasedShare is the way of one share up to its count.
var erasedShare = []string{
	"request r1 from billing",
	"claim resolve sessions by w1", "report p1 resolved 3",
	"claim erase sessions by w1", "report p2 erased 3 remaining 0",
}

func TestALeftoverUnderAPermitThatWasReportedErasesAgain(t *testing.T) {
	st, _ := tell(t, "participant account", "participant sessions", "request r1 from billing",
		"claim resolve account by w1", "report p1 absent", "claim resolve sessions by w1", "report p2 resolved 3",
		"claim erase account by w1", "report p3 absent remaining 0", "claim erase sessions by w1", "report p4 erased 3 remaining 0",
		"claim verify sessions by w1", "claim verify sessions by w1", // its restarted self got p5 again
		"report p5 counted remaining 0")
	got := st.tell("report p5 counted remaining 2")
	st.tell("claim verify account by w1", "report p7 counted remaining 0")
	if st.s.Phase == Completed {
		t.Errorf("completed with 2 sessions counted before the end; the report was answered %q", got)
	}
}

func TestACountThatFoundSomethingIsNotOutvotedByALateZero(t *testing.T) {
	st, _ := tell(t, append([]string{"participant sessions", "plan rounds 1"}, erasedShare...)...)
	st.tell("claim verify sessions by w1", "wait 66s", "wait 10s", "claim verify sessions by w2", // p3 dead, p4 out
		"report p3 counted remaining 1", // counted after p4 counted; parks: no round is left
		"report p4 counted remaining 0")
	if st.s.Phase == Completed {
		t.Error("completed, and the last thing erased came before the count that found something")
	}
}

func TestARestartCountsALifeAnewAlsoWhenTheWallClockJumped(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "claim resolve sessions by w1", "report p1 resolved 3",
		"claim erase sessions by w1", "pass 2h") // the wall clock was set; w1 is ten seconds into its minute
	st.tell("restart")
	got := st.tell("pass 30s", "claim erase sessions by w2")
	if !has(got, "deny: busy") {
		t.Errorf("second permit while the first may be acted on: %q", got)
	}
}

func TestAShareWaitsForAPredecessorThatCameBack(t *testing.T) {
	st, _ := tell(t, "participant delegations", "participant keys after delegations", "request r1 from billing",
		"claim resolve delegations by w1", "report p1 resolved 3", "claim resolve keys by w1", "report p2 resolved 1",
		"claim erase delegations by w1", "report p3 erased 3 remaining 0", "claim erase keys by w1", "report p4 erased 1 remaining 0",
		"claim verify keys by w1", "claim verify delegations by w1",
		"report p5 counted remaining 1", // keys open again
		"report p6 counted remaining 2") // and so do the delegations, which a key must sign off
	got := st.tell("claim erase keys by w1")
	if has(got, "grant ") {
		t.Errorf("keys may be erased before the delegations are gone: %q", got)
	}
}

func TestOneErasePermitOfAShareLivesAtATime(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "claim resolve sessions by w1", "report p1 resolved 3",
		"claim erase sessions by w1", "wait 66s", "wait 10s", "claim erase sessions by w2", // p2 dead, p3 alive
		"report p2 erased 3 remaining 0", "claim verify sessions by w1", "report p4 counted remaining 1")
	got := st.tell("claim erase sessions by w1")
	if has(got, "grant ") {
		t.Errorf("w2 still holds a permit of 60 s, and w1 got one too: %q", got)
	}
}

func TestTheEndWaitsForAnErasePermitThatIsAlive(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "claim resolve sessions by w1", "report p1 resolved 3",
		"claim erase sessions by w1", "wait 66s", "wait 10s", "claim erase sessions by w2",
		"report p2 erased 3 remaining 0", "claim verify sessions by w1", "report p4 counted remaining 0")
	if st.s.Phase.Final() {
		t.Error("the saga ended while w2 may still delete on its behalf")
	}
}

func TestNothingFoundAfterALostReportIsNotAbsentWithoutABaseline(t *testing.T) {
	st, _ := tell(t, "participant account", "participant mailing unverified no-count-api", "request r1 from billing",
		"claim resolve account by w1", "report p1 resolved 1",
		"claim erase mailing by w1", "wait 66s", "wait 10s", "claim erase mailing by w1", "report p3 absent")
	if h := st.s.Share("mailing"); h.Verdict == Absent || !h.Inferred {
		t.Errorf("mailing: %s, inferred %v; the dead permit may have erased it", h.Verdict, h.Inferred)
	}
}

func TestWhatWasErasedInALaterRoundIsNotLost(t *testing.T) {
	st, _ := tell(t, append([]string{"participant sessions"}, erasedShare...)...)
	st.tell("claim verify sessions by w1", "report p3 counted remaining 5",
		"claim erase sessions by w1", "report p4 erased 3 remaining 2", // 3 of the 5; tried again
		"wait 10s", "claim erase sessions by w1", "report p5 erased 2 remaining 0")
	if h := st.s.Share("sessions"); h.Counts.Total() != 8 && !h.Inferred {
		t.Errorf("erased 3, 3 and 2, told %d, and not as inferred", h.Counts.Total())
	}
}

func TestALostReportOfALaterRoundIsInferred(t *testing.T) {
	st, _ := tell(t, append([]string{"participant sessions"}, erasedShare...)...)
	st.tell("claim verify sessions by w1", "report p3 counted remaining 5",
		"claim erase sessions by w1", "wait 66s", "wait 10s", // it erased the 5 and died
		"claim erase sessions by w1", "report p5 absent remaining 0")
	if h := st.s.Share("sessions"); h.Counts.Total() != 8 || !h.Inferred {
		t.Errorf("3 reported, 5 counted and gone: told %d, inferred %v", h.Counts.Total(), h.Inferred)
	}
}

func TestAnUnconfirmedEffectStaysUnconfirmed(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "claim resolve sessions by w1", "report p1 resolved 3", "claim erase sessions by w1")
	r := st.report([]string{"p2", "erased", "3", "remaining", "0"}).(ReportReceived)
	r.RowsOnly = true
	st.step(r)
	st.tell("claim verify sessions by w1", "report p3 counted remaining 1", "claim erase sessions by w1", "report p4 erased 1 remaining 0")
	if h := st.s.Share("sessions"); !h.RowsOnly {
		t.Error("rows_only of the first round is forgotten")
	}
}

func TestAnAnonymisedShareIsNotToldAsErased(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "claim resolve sessions by w1", "report p1 resolved 3",
		"claim erase sessions by w1", "report p2 anonymised 3 remaining 0",
		"claim verify sessions by w1", "report p3 counted remaining 1", "claim erase sessions by w1", "report p4 absent remaining 0")
	if h := st.s.Share("sessions"); h.Verdict != Anonymised {
		t.Errorf("3 were anonymised and none erased: told %s %d", h.Verdict, h.Counts.Total())
	}
}

func TestNothingHappensAfterTheEnd(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "claim resolve sessions by w1",
		"report p1 failed misconfigured no_table", "cancel r1 from billing")
	if got := st.tell("retry resolve sessions"); has(got, "retried") {
		t.Errorf("an entry follows the final one: %q", got)
	}
}

func TestAShareWhoseCounterIsGoneCanBeWaived(t *testing.T) {
	st, _ := tell(t, append([]string{"participant sessions"}, erasedShare...)...)
	got := st.tell("wait 63h", "waive sessions") // the worker that counts was taken out of service
	if !st.s.Phase.Final() {
		t.Errorf("it waits for ever, and its operator is told %q", got)
	}
}

func TestARateLimitWithoutAnEndBacksOff(t *testing.T) {
	st := newStory(t)
	st.plan.BackoffMax = time.Hour
	st.tell("participant images", "request r1 from billing", "claim resolve images by w1", "report p1 resolved 2")
	var pause time.Duration
	for n := 2; n < 12; n++ {
		st.tell("claim erase images by w1", "report p"+strconv.Itoa(n)+" failed rate_limited throttled")
		pause = st.s.Share("images").Erase.Until.Sub(st.now)
		st.tell("wait " + pause.String())
	}
	if pause < time.Minute {
		t.Errorf("after ten refusals in a row the vendor is asked again in %s", pause)
	}
}

func TestARateLimitDoesNotPutAStepOffPastDue(t *testing.T) {
	st, _ := tell(t, "participant images", "request r1 from billing", "claim resolve images by w1", "report p1 resolved 2",
		"claim erase images by w1", "report p2 failed rate_limited throttled until 3650d")
	if until := st.s.Share("images").Erase.Until; until.After(st.s.Due) && st.s.Stuck() == "" {
		t.Errorf("nobody tries before %s, due is %s, and nobody is told", until, st.s.Due)
	}
}

func TestAFailureOfAnUnknownClassIsStillAFailure(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing", "claim resolve sessions by w1")
	r := st.report([]string{"p1", "failed"}).(ReportReceived)
	r.Class = "a_class_of_tomorrow"
	st.step(r)
	st.tell("wait 30d")
	if step := st.s.Share("sessions").Resolve; step.Status == Granted {
		t.Error("granted for ever: the permit is reported, and nothing will wake the step")
	}
}

func TestWhoCannotCountCannotSayThatNobodyIsKnown(t *testing.T) {
	st, _ := tell(t, "participant mailing unverified no-count-api yields email", "request r1 from billing",
		"claim resolve mailing by w1", "report p1 absent")
	if st.s.Phase == NotFound {
		t.Error("not found on the word of a participant that cannot count")
	}
}

func TestAbsentThatNobodyCountedLetsNobodyGoOn(t *testing.T) {
	_, got := tell(t, "participant account after sessions", "participant sessions", "request r1 from billing",
		"claim resolve account by w1", "report p1 resolved 1", "claim resolve sessions by w1", "report p2 resolved 3",
		"claim erase sessions by w1", "report p3 absent")
	if has(got, "ring erase account") {
		t.Errorf("the account may go, and who comes before it was not counted: %q", got)
	}
}
