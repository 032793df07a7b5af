package orchestrator

import (
	"testing"
	"testing/synctest"

	"github.com/expunge-io/expunge/events"
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
