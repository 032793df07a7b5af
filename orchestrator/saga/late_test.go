package saga

import (
	"testing"
	"time"
)

func TestALeftoverReportThatIsSentAgainIsOldNews(t *testing.T) {
	st, _ := tell(t, append([]string{"participant sessions"}, erasedShare...)...)
	st.tell("claim verify sessions by w1", "report p3 counted remaining 1", // its receipt was lost
		"claim erase sessions by w1", "report p4 erased 1 remaining 0")
	st.tell("report p3 counted remaining 1") // and the worker sends it again, as it must
	h := st.s.Share("sessions")
	if h.Erase.Round != 2 || h.Expected.Total() > 4 {
		t.Errorf("a report that was taken before opened round %d, and %d are expected where 4 ever were", h.Erase.Round, h.Expected.Total())
	}
}

func TestAbsentAtResolveAndAbsentAtEraseIsAbsent(t *testing.T) {
	st, _ := tell(t, "participant account", "participant sessions", "request r1 from billing",
		"claim resolve account by w1", "report p1 resolved 1", "claim resolve sessions by w1", "report p2 absent",
		"claim erase sessions by w1", "claim erase sessions by w1", // the first answer was lost: maybe_done
		"report p3 absent remaining 0")
	if h := st.s.Share("sessions"); h.Verdict != Absent || h.Inferred {
		t.Errorf("never knew the person: told %s, inferred %v", h.Verdict, h.Inferred)
	}
}

func TestARetryBeginsWithShortPauses(t *testing.T) {
	st := newStory(t)
	st.plan.BackoffMax, st.plan.Attempts = time.Hour, 8
	st.tell("participant sessions", "request r1 from billing")
	n := 0
	failing := func() time.Duration {
		n++
		st.tell("claim resolve sessions by w1")
		st.step(ReportReceived{Participant: "sessions", Verb: Resolve, Round: 1, Permit: st.s.Share("sessions").Resolve.newest().ID, Verdict: Failed, Class: Transient, Code: "down"})
		until := st.s.Share("sessions").Resolve.Until
		return until.Sub(st.now)
	}
	for st.s.Stuck() == "" {
		st.tell("wait " + max(failing(), 0).String())
	}
	st.tell("retry resolve sessions")
	if pause := failing(); pause > time.Minute {
		t.Errorf("an operator mended it, and the first failure after that waits %s", pause)
	}
}

// suspendedTwice is a share that was prepared under p2 and p3, whose first worker is slow.
var suspendedTwice = []string{"participant account suspends yes", "plan grace 7d", "request r1 from billing",
	"claim resolve account by w1", "report p1 resolved 1",
	"claim suspend account by w1", "report p2 prepared undo v1:enabled", "wait 66s", "wait 10s",
	"claim suspend account by w2", "report p3 prepared undo v1:disabled"}

func TestTheFirstUndoThatIsSealedIsTheOneThatCounts(t *testing.T) {
	st, _ := tell(t, suspendedTwice...)
	if h := st.s.Share("account"); h.Undo != "v1:enabled" {
		t.Errorf("it would be brought back to %s, as its first worker left it", h.Undo)
	}
}

func TestARestoreThatCameBeforeALateSuspendIsNotTheEnd(t *testing.T) {
	st, _ := tell(t, suspendedTwice...)
	st.tell("report p3 suspended 1", "cancel r1 from billing",
		"claim restore account by w2", // p4, which acts at once and is slow to report
		"report p2 suspended 1")       // and only then does w1 suspend what was restored
	got := st.tell("report p4 restored")
	if h := st.s.Share("account"); h.Restore.Round != 2 || h.Restore.Status == Reported {
		t.Errorf("round %d is %s, and the account is suspended: %q", h.Restore.Round, h.Restore.Status, got)
	}
}
