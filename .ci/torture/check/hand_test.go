package check_test

import (
	"slices"
	"testing"

	"github.com/expunge-io/expunge/torture/check"
	"github.com/expunge-io/expunge/torture/record"
)

// brought is bob's share, suspended after a backup was taken and brought back by hand after
// that was put back: his saga says that it cannot, and ends as cancelled.
func brought() (record.Record, record.Ledger) {
	r, l := run()
	r.Restores = []record.Restore{{Taken: at(2), Gone: at(4.2)}}
	r.Ends[2].Told = at(8)
	l.Deeds = []record.Deed{{Saga: "2", Person: "bob", Participant: "idp", Told: "by hand", Suspended: at(3), At: at(6.5)}}
	return r, l
}

// What is suspended and can only be brought back by hand must be brought back by hand.
func TestAShareWhoseUndoIsLostIsBroughtBackByHand(t *testing.T) {
	r, l := brought()
	if f := check.Check(r, l); !f.Clean() {
		t.Errorf("with the deed: %q", f.Reasons)
	}
	l.Deeds, l.People[1].Whole = nil, 1
	if f := check.Check(r, l); f.Verdict != (check.Verdict{Unrestored: 1}) {
		t.Errorf("without the deed: %+v %q", f.Verdict, f.Reasons)
	}
}

// A deed hides that a restore was not done, unless a backup that was put back calls for it.
func TestADeedThatNothingCallsForIsFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(*record.Record, *record.Deed)
	}{
		{"no backup was put back", func(r *record.Record, _ *record.Deed) { r.Restores = nil }},
		{"suspended before the backup was taken", func(r *record.Record, _ *record.Deed) { r.Restores[0].Taken = at(3.5) }},
		{"of a saga that is younger than the backup", func(r *record.Record, _ *record.Deed) {
			r.Restores[0] = record.Restore{Taken: at(0.2), Gone: at(0.5)}
		}},
		{"suspended by the store that was put back", func(r *record.Record, d *record.Deed) {
			r.Restores[0].Gone, r.Restores[0].Named = at(2.1), []string{"2.1"}
			d.Suspended, d.Told = at(5.7), ""
		}},
		{"before the backup was put back", func(_ *record.Record, d *record.Deed) { d.At = at(4.1) }},
		{"nobody was told to", func(_ *record.Record, d *record.Deed) { d.Told = "" }},
		{"of somebody else's", func(_ *record.Record, d *record.Deed) { d.Person = "cleo" }},
		{"of a saga that erases", func(_ *record.Record, d *record.Deed) { d.Saga, d.Person = "1", "ann" }},
	} {
		r, l := brought()
		l.Freezes = nil
		l.Effects = slices.DeleteFunc(l.Effects, func(e record.Effect) bool { return e.Participant == "idp" && e.Person == "fay" })
		c.plant(&r, &l.Deeds[0])
		if f := check.Check(r, l); f.Verdict != (check.Verdict{Unrestored: 1}) {
			t.Errorf("%s: %+v %q", c.name, f.Verdict, f.Reasons)
		}
	}
}

// A saga that was called off and is gone with its store leaves nobody suspended, nor does
// one whose request was sent again and called off then.
func TestWhatALostSagaSuspendedIsBroughtBack(t *testing.T) {
	for _, plant := range []func(*record.Record){
		func(r *record.Record) { r.Ends = slices.Delete(r.Ends, 2, 3) },
		func(r *record.Record) { r.Requests[2].Acked = at(3.9) },
	} {
		r, l := brought()
		r.Requests[2].Told = true
		r.Restores[0].Taken, r.Restores[0].Named, l.Deeds[0].Told = at(1), []string{"2.1"}, ""
		plant(&r)
		if f := check.Check(r, l); !f.Clean() {
			t.Errorf("with the deed: %q", f.Reasons)
		}
		l.Deeds, l.People[1].Whole = nil, 1
		if f := check.Check(r, l); f.Verdict != (check.Verdict{Unrestored: 1}) {
			t.Errorf("without the deed: %+v %q", f.Verdict, f.Reasons)
		}
	}
}
