package orchestrator

import (
	"testing"
	"testing/synctest"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// TestWhatWasMadeTooLateIsInTheSummary: the worker was to leave it.
func TestWhatWasMadeTooLateIsInTheSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.request(item("one"))
		d.does(id, events.Resolve, resolved)
		done := erased
		done.Left = events.Counts{"accounts": 2}
		d.does(id, events.Erase, done)
		d.does(id, events.Verify, counted)
		data, err := d.store.Summary(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		_, sum, err := events.Decode[events.Summary](nil, data)
		if err != nil || sum.State != events.Completed || sum.Participants[0].Left["accounts"] != 2 {
			t.Errorf("%+v %v", sum, err)
		}
	})
}

// TestNothingIsLeftWithoutACutOff: a worker that leaves something of a whole person, and says
// that nothing remains, is not believed the better of the two.
func TestNothingIsLeftWithoutACutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.pastPivot()
		d.does(id, events.Erase, erased)
		d.does(id, events.Verify, events.Report{Verdict: events.Counted, Remaining: &nothing, Left: events.Counts{"accounts": 5}})
		if s := d.state(id); s.Phase != saga.Erasing {
			t.Errorf("five are left, and it is %s", s.Phase)
		}
	})
}

// TestWhatCameLaterHasAKnownName, or the summary could not be written.
func TestWhatCameLaterHasAKnownName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.request(events.Request{UserID: "ada", Scope: &events.Scope{Participants: []string{"account"}}})
		d.does(id, events.Resolve, resolved)
		r := erased
		r.Left = events.Counts{"nonsense": 1}
		d.does(id, events.Erase, r)
		if s := d.state(id); s.Share("account").Erase.Status != saga.Parked {
			t.Errorf("erase is %s", s.Share("account").Erase.Status)
		}
	})
}
