package check_test

import (
	"slices"
	"testing"
	"time"

	"github.com/expunge-io/expunge/torture/check"
	"github.com/expunge-io/expunge/torture/record"
)

// at is a second of the synthetic run.
func at(s float64) time.Time {
	return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(s * float64(time.Second)))
}

// run is a small clean run: ann is erased by saga 1, bob's saga 2 is cancelled, nobody asks
// for cleo, and dan, who is unknown, is not found. Bob and fay are suspended first; fay is
// held while she is erased by saga 4.
func run() (record.Record, record.Ledger) {
	r := record.Record{
		Requests: []record.Request{
			{Person: "ann", Key: "k1", Way: record.Asked, Sent: at(1), Acked: at(2), Saga: "1", ID: "1.1"},
			{Person: "ann", Key: "k2", Way: record.Stored, Sent: at(1.5), Acked: at(2), Saga: "1", ID: "1.2"},
			{Person: "bob", Key: "k3", Way: record.Posted, Plan: "graced", Sent: at(1), Acked: at(2), Saga: "2", ID: "2.1"},
			{Person: "dan", Key: "k4", Way: record.Asked, Sent: at(1), Acked: at(2), Saga: "3", ID: "3.1"},
			{Person: "eve", Key: "k5", Way: record.Asked, Sent: at(1)},
			{Person: "fay", Key: "k6", Way: record.Asked, Plan: "graced", Sent: at(1), Acked: at(2), Saga: "4", ID: "4.1"},
		},
		Holds: []record.Hold{{Person: "fay", ID: "h", Sent: at(6), Answered: at(7), Ending: at(15), Kept: true, Alive: []record.Permit{{Participant: "db", Verb: record.Erase}}}},
		Terms: record.Terms{Life: 3 * time.Second, Graced: "graced", Grace: 4 * time.Second},
		Cancels: []record.Cancel{
			{Request: "2.1", Saga: "2", Sent: at(3), Answered: at(4), Result: "cancelled", Kept: true, Alive: []record.Permit{{Participant: "idp", Verb: record.Suspend}}},
			{Request: "1.1", Saga: "1", Sent: at(6), Answered: at(7), Code: "too_late"},
		},
		Sightings: []record.Sighting{
			{Saga: "1", State: "resolving", Asked: at(3), Answered: at(3)},
			{Saga: "1", State: "erasing", Asked: at(6), Answered: at(6)},
		},
		Ends: []record.End{
			{Saga: "1", State: "completed", Digest: "a", Told: at(10)},
			{Saga: "1", State: "completed", Digest: "a", Told: at(11)},
			{Saga: "2", State: "cancelled", Digest: "b", Told: at(5)},
			{Saga: "3", State: "not_found", Digest: "c", Told: at(5)},
			{Saga: "4", State: "completed", Digest: "d", Told: at(19)},
		},
	}
	l := record.Ledger{
		People: []record.Person{
			{ID: "ann", Items: 2, Left: 0, Reborn: []record.Item{{Key: "x", Made: at(12), Left: true}}},
			{ID: "bob", Items: 2, Left: 2, Whole: 2},
			{ID: "cleo", Items: 2, Left: 2, Whole: 2},
			{ID: "eve", Items: 2, Left: 0},
			{ID: "fay", Items: 2, Left: 0},
		},
		Effects: []record.Effect{
			erased("ann", "db", 5), erased("ann", "idp", 8),
			erased("eve", "db", 8),                   // of the request that was never answered
			suspended("bob", 3), suspended("bob", 6), // the second by a permit that was alive
			suspended("fay", 3), erased("fay", "db", 8), erased("fay", "idp", 16),
		},
		Freezes: []record.Freeze{{Participants: []string{"db", "idp"}, From: at(9), To: at(30)}},
	}
	return r, l
}

func erased(person, participant string, s float64) record.Effect {
	return record.Effect{Person: person, Participant: participant, Verb: record.Erase, Key: "x", At: at(s)}
}

func suspended(person string, s float64) record.Effect {
	return record.Effect{Person: person, Participant: "idp", Verb: record.Suspend, Key: "x", At: at(s)}
}

func TestACleanRunIsClean(t *testing.T) {
	f := check.Check(run())
	if !f.Clean() || f.Sagas != 4 || f.Excused != 2 {
		t.Errorf("%+v", f)
	}
}

// TestEachViolationIsFound plants one at a time in the clean run.
func TestEachViolationIsFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(*record.Record, *record.Ledger)
		want  check.Verdict
	}{
		{"a saga never ends", func(r *record.Record, _ *record.Ledger) { r.Ends = slices.Delete(r.Ends, 3, 4) }, check.Verdict{Lost: 1}},
		{"a stored request is nowhere", func(r *record.Record, _ *record.Ledger) { r.Requests[4].Acked = at(2) }, check.Verdict{Lost: 1}},
		{"a request was forgotten", func(r *record.Record, _ *record.Ledger) { r.Requests[3].Forgot = true }, check.Verdict{Lost: 1}},
		{"a key has two sagas", func(r *record.Record, _ *record.Ledger) { r.Requests[3].Later = []string{"1"} }, check.Verdict{Lost: 1}},
		{"what was made again is erased", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, erased("ann", "db", 31))
			l.People[0].Reborn[0].Left = false
		}, check.Verdict{Doubled: 1}},
		{"what was made again is gone, nobody knows when", func(_ *record.Record, l *record.Ledger) {
			l.People[0].Reborn[0].Left = false
		}, check.Verdict{Doubled: 1}},
		{"an effect after the end", func(_ *record.Record, l *record.Ledger) {
			l.Effects[1] = erased("ann", "elsewhere", 10.5)
		}, check.Verdict{Doubled: 1}},
		{"completed, and something is left", func(_ *record.Record, l *record.Ledger) { l.People[0].Left = 1 }, check.Verdict{FalseCompleted: 1}},
		{"not found, and something is there", func(_ *record.Record, l *record.Ledger) {
			l.People = append(l.People, record.Person{ID: "dan", Items: 1, Left: 1})
		}, check.Verdict{FalseCompleted: 1}},
		{"before it was asked for", func(_ *record.Record, l *record.Ledger) { l.Effects[0].At = at(0.5) }, check.Verdict{EarlyEffects: 1}},
		{"before the pivot", func(_ *record.Record, l *record.Ledger) { l.Effects[0].At = at(2.5) }, check.Verdict{EarlyEffects: 1}},
		{"on somebody else", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, erased("cleo", "db", 8))
		}, check.Verdict{EarlyEffects: 1}},
		{"before the cancel of a saga that was cancelled", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, erased("bob", "db", 3))
		}, check.Verdict{EarlyEffects: 1}},
		{"after a cancel was answered", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, erased("bob", "idp", 6))
		}, check.Verdict{StaleEffects: 1}},
		{"suspended when its permit was dead", func(_ *record.Record, l *record.Ledger) {
			l.Freezes, l.Effects = nil, append(l.Effects, suspended("bob", 7.1))
		}, check.Verdict{StaleEffects: 1}},
		{"suspended by a permit that no answer told of", func(r *record.Record, _ *record.Ledger) {
			r.Cancels[0].Alive = nil
		}, check.Verdict{StaleEffects: 1}},
		{"called off, and erased all the same", func(r *record.Record, l *record.Ledger) {
			r.Cancels[1].Result, r.Cancels[1].Code, l.Freezes = "cancelled", "", nil
		}, check.Verdict{StaleEffects: 1}},
		{"suspended by a plan that does not suspend", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, record.Effect{Person: "ann", Participant: "idp", Verb: record.Suspend, At: at(2.5)})
		}, check.Verdict{EarlyEffects: 1}},
		{"erased within the grace", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, erased("fay", "idp", 4.9))
		}, check.Verdict{EarlyEffects: 1}},
		{"erased under a hold", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, erased("fay", "idp", 8))
		}, check.Verdict{HeldEffects: 1}},
		{"erased under a hold when the permit was dead", func(_ *record.Record, l *record.Ledger) {
			l.Freezes, l.Effects = nil, append(l.Effects, erased("fay", "db", 10.1))
		}, check.Verdict{HeldEffects: 1}},
		{"erased under a hold that nobody released", func(r *record.Record, _ *record.Ledger) {
			r.Holds[0].Ending = time.Time{}
		}, check.Verdict{HeldEffects: 1}},
		{"cancelled, and still suspended", func(_ *record.Record, l *record.Ledger) { l.People[1].Whole = 1 }, check.Verdict{Unrestored: 1}},
		{"never asked for, and changed", func(_ *record.Record, l *record.Ledger) { l.People[2].Whole = 0 }, check.Verdict{Unrestored: 1}},
		{"a second summary", func(r *record.Record, _ *record.Ledger) { r.Ends[1].Digest = "other" }, check.Verdict{ExtraDigests: 1}},
		{"an identifier in a log", func(_ *record.Record, l *record.Ledger) { l.Residue = []string{"a log"} }, check.Verdict{ResidueHits: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, l := run()
			c.plant(&r, &l)
			f := check.Check(r, l)
			if f.Verdict != c.want || len(f.Reasons) != 1 {
				t.Errorf("got %+v, want %+v: %q", f.Verdict, c.want, f.Reasons)
			}
		})
	}
}

// A worker that was frozen inside one call makes it when it is thawed; what comes later, or
// from somebody who ran on, is none of that.
func TestAFreezeExcusesWhatStoodInACall(t *testing.T) {
	for _, c := range []struct {
		by      string
		at      float64
		excused int
	}{{"idp", 29.9, 1}, {"idp", 30.1, 1}, {"idp", 31, 0}, {"elsewhere", 30.1, 0}} {
		r, l := run()
		l.Effects = append(l.Effects, erased("ann", c.by, c.at))
		f := check.Check(r, l)
		if f.Excused != 2+c.excused || f.Doubled != 1-c.excused {
			t.Errorf("%s at %v: %+v", c.by, c.at, f)
		}
	}
}

// Whoever puts an old backup back is told which requests are to be sent again; only those
// may be taken for new ones.
func TestARequestThatIsNewerThanTheBackupIsSentAgain(t *testing.T) {
	for _, c := range []struct {
		restore       record.Restore
		told          bool
		lost, unheard int
	}{
		{record.Restore{Taken: at(1), Gone: at(9), Named: []string{"2.1"}}, true, 0, 0},
		{record.Restore{Taken: at(1), Gone: at(9), Named: []string{"request-2"}}, true, 0, 0},
		{record.Restore{Taken: at(1), Gone: at(9), Named: []string{"3.1"}}, true, 1, 0},
		{record.Restore{Taken: at(1), Gone: at(9)}, false, 0, 1},
		{record.Restore{Taken: at(3), Gone: at(9), Named: []string{"2.1"}}, true, 1, 0},
	} {
		r, l := run()
		r.Requests[2].Mark, r.Requests[2].Later, r.Requests[2].Told = "request-2", []string{"5"}, c.told
		r.Ends = append(r.Ends, record.End{Saga: "5", State: "cancelled", Digest: "e", Told: at(12)})
		r.Restores = append(r.Restores, c.restore)
		if f := check.Check(r, l); f.Lost != c.lost || f.Unheard != c.unheard || len(f.Reasons) != c.lost {
			t.Errorf("%+v: %q", c.restore, f.Reasons)
		}
	}
}

// A request that was withdrawn is not sent again; that its saga is gone somebody was told.
func TestACancelledSagaThatIsLostWithItsStoreIsNamed(t *testing.T) {
	for _, c := range []struct {
		named []string
		lost  int
	}{{nil, 1}, {[]string{"2.1"}, 0}} {
		r, l := run()
		r.Requests[2].Told = true
		r.Ends = slices.Delete(r.Ends, 2, 3)
		r.Restores = []record.Restore{{Taken: at(1), Gone: at(9), Named: c.named}}
		if f := check.Check(r, l); f.Lost != c.lost || len(f.Reasons) != c.lost {
			t.Errorf("%v: %q", c.named, f.Reasons)
		}
	}
}

// A saga that is seen before its pivot after a backup was put back may have been past it.
func TestABackupThatIsPutBackIsNoProofOfAnEarlyEffect(t *testing.T) {
	r, l := run()
	r.Sightings = append(r.Sightings, record.Sighting{Saga: "1", State: "resolving", Asked: at(7), Answered: at(7)})
	if f := check.Check(r, l); f.EarlyEffects != 1 {
		t.Errorf("without a backup: %q", f.Reasons)
	}
	r.Restores = []record.Restore{{Taken: at(4), Gone: at(6)}}
	if f := check.Check(r, l); !f.Clean() {
		t.Errorf("%q", f.Reasons)
	}
}

// An answer that says that only the disk has a decision promises nothing once another disk is
// put in its place. One that the bus has must hold.
func TestADecisionThatOnlyTheDiskHasGoesWithIt(t *testing.T) {
	for _, kept := range []bool{true, false} {
		r, l := run()
		l.Freezes = nil
		l.Effects = append(l.Effects, erased("fay", "idp", 8))
		r.Holds[0].Kept = kept
		r.Cancels[1].Result, r.Cancels[1].Code, r.Cancels[1].Kept = "cancelled", "", kept
		if f := check.Check(r, l); f.Verdict != (check.Verdict{HeldEffects: 1, StaleEffects: 1}) {
			t.Errorf("kept %v, without a backup: %+v %q", kept, f.Verdict, f.Reasons)
		}
		r.Restores = []record.Restore{{Taken: at(2.5), Gone: at(7.5)}}
		if f := check.Check(r, l); f.Clean() == kept {
			t.Errorf("kept %v: %q", kept, f.Reasons)
		}
	}
}

// What happens after somebody set the clock says nothing of how long a grace was.
func TestAGraceIsJudgedByClocksThatAreRight(t *testing.T) {
	r, l := run()
	l.Skewed = at(2)
	l.Effects = append(l.Effects, erased("fay", "idp", 4.9))
	if f := check.Check(r, l); !f.Clean() {
		t.Errorf("%q", f.Reasons)
	}
}

// A stored request is answered by nobody. Its saga had ended, and told the bus so, when a backup from
// before it was put back: what it did is known, and that it is taken for a new one is no loss.
func TestASagaThatEndedIsNotLostWithItsStore(t *testing.T) {
	for _, c := range []struct {
		ended       bool
		lost, early int
	}{{true, 0, 0}, {false, 1, 0}} {
		r, l := run()
		r.Requests = append(r.Requests, record.Request{Person: "gil", Key: "k7", Way: record.Stored, Sent: at(1), Acked: at(2), Saga: "6", ID: "6.1", Forgot: true, Before: []string{"5"}, Told: true})
		r.Restores = []record.Restore{{Taken: at(1), Gone: at(9), Named: []string{"other"}}}
		r.Ends = append(r.Ends, record.End{Saga: "6", State: "not_found", Digest: "f", Told: at(20)})
		if c.ended {
			r.Ends = append(r.Ends, record.End{Saga: "5", State: "completed", Digest: "e", Told: at(20)})
		}
		l.People = append(l.People, record.Person{ID: "gil", Items: 2})
		l.Effects = append(l.Effects, erased("gil", "db", 4))
		if f := check.Check(r, l); f.Lost != c.lost || f.EarlyEffects != c.early || f.FalseCompleted != 0 {
			t.Errorf("ended %t: %q", c.ended, f.Reasons)
		}
	}
}
