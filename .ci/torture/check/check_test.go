package check_test

import (
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
// for cleo, and dan, who is unknown, is not found.
func run() (record.Record, record.Ledger) {
	r := record.Record{
		Requests: []record.Request{
			{Person: "ann", Key: "k1", Way: record.Asked, Sent: at(1), Acked: at(2), Saga: "1", ID: "1.1"},
			{Person: "ann", Key: "k2", Way: record.Stored, Sent: at(1.5), Acked: at(2), Saga: "1", ID: "1.2"},
			{Person: "bob", Key: "k3", Way: record.Posted, Sent: at(1), Acked: at(2), Saga: "2", ID: "2.1"},
			{Person: "dan", Key: "k4", Way: record.Asked, Sent: at(1), Acked: at(2), Saga: "3", ID: "3.1"},
			{Person: "eve", Key: "k5", Way: record.Asked, Sent: at(1)},
		},
		Cancels: []record.Cancel{
			{Request: "2.1", Saga: "2", Sent: at(3), Answered: at(4), State: "cancelled"},
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
		},
	}
	l := record.Ledger{
		People: []record.Person{
			{ID: "ann", Items: 2, Left: 0, Reborn: []record.Item{{Key: "x", Made: at(12), Left: true}}},
			{ID: "bob", Items: 2, Left: 2, Whole: 2},
			{ID: "cleo", Items: 2, Left: 2, Whole: 2},
			{ID: "eve", Items: 2, Left: 0},
		},
		Effects: []record.Effect{
			{Person: "ann", Key: "x", At: at(5)}, {Person: "ann", Key: "y", At: at(8)},
			{Person: "eve", Key: "z", At: at(8)}, // of the request that was never answered
		},
		Freezes: []record.Freeze{{From: at(20), To: at(30)}},
	}
	return r, l
}

func TestACleanRunIsClean(t *testing.T) {
	f := check.Check(run())
	if !f.Clean() || f.Sagas != 3 || f.Excused != 0 {
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
		{"a saga never ends", func(r *record.Record, _ *record.Ledger) { r.Ends = r.Ends[:3] }, check.Verdict{Lost: 1}},
		{"a stored request is nowhere", func(r *record.Record, _ *record.Ledger) { r.Requests[4].Acked = at(2) }, check.Verdict{Lost: 1}},
		{"a request was forgotten", func(r *record.Record, _ *record.Ledger) { r.Requests[3].Forgot = true }, check.Verdict{Lost: 1}},
		{"a key has two sagas", func(r *record.Record, _ *record.Ledger) { r.Requests[3].Later = []string{"1"} }, check.Verdict{Lost: 1}},
		{"what was made again is erased", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, record.Effect{Person: "ann", Key: "x", At: at(13)})
			l.People[0].Reborn[0].Left = false
		}, check.Verdict{Doubled: 1}},
		{"what was made again is gone, nobody knows when", func(_ *record.Record, l *record.Ledger) {
			l.People[0].Reborn[0].Left = false
		}, check.Verdict{Doubled: 1}},
		{"an effect after the end", func(_ *record.Record, l *record.Ledger) {
			l.Effects[1].At = at(10.5)
		}, check.Verdict{Doubled: 1}},
		{"completed, and something is left", func(_ *record.Record, l *record.Ledger) { l.People[0].Left = 1 }, check.Verdict{FalseCompleted: 1}},
		{"not found, and something is there", func(_ *record.Record, l *record.Ledger) {
			l.People = append(l.People, record.Person{ID: "dan", Items: 1, Left: 1})
		}, check.Verdict{FalseCompleted: 1}},
		{"before it was asked for", func(_ *record.Record, l *record.Ledger) { l.Effects[0].At = at(0.5) }, check.Verdict{EarlyEffects: 1}},
		{"before the pivot", func(_ *record.Record, l *record.Ledger) { l.Effects[0].At = at(2.5) }, check.Verdict{EarlyEffects: 1}},
		{"on somebody else", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, record.Effect{Person: "cleo", Key: "c", At: at(8)})
		}, check.Verdict{EarlyEffects: 1}},
		{"before the cancel of a saga that was cancelled", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, record.Effect{Person: "bob", Key: "b", At: at(3)})
		}, check.Verdict{EarlyEffects: 1}},
		{"after a cancel was answered", func(_ *record.Record, l *record.Ledger) {
			l.Effects = append(l.Effects, record.Effect{Person: "bob", Key: "b", At: at(6)})
		}, check.Verdict{StaleEffects: 1}},
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

// A worker that was frozen inside one call makes it when it is thawed; what comes later is
// none of that.
func TestAFreezeExcusesOneLateCall(t *testing.T) {
	for _, c := range []struct {
		at      float64
		excused int
	}{{29.9, 0}, {30.1, 1}, {31, 0}} {
		r, l := run()
		l.Effects[1].At = at(c.at)
		f := check.Check(r, l)
		if f.Excused != c.excused || f.Doubled != 1-c.excused {
			t.Errorf("at %v: %+v", c.at, f)
		}
	}
}
