package jumio_test

import (
	"errors"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

func narrow(t participants.Task, items ...events.Item) participants.Task {
	t.Items = items
	return t
}

// TestAnItemThatTheAccountDoesNotNameIsRefusedWhileItIsThere, and is absent once it can be
// shown that it is not.
func TestAnItemThatTheAccountDoesNotNameIsRefusedWhileItIsThere(t *testing.T) {
	v := startVendor(t, tx("eu", "scans", "mine"), tx("eu", "scans", "strange"))
	for verb, f := range works(v.p) {
		err := f(t.Context(), narrow(task(events.Erase, "jumio_scan=mine"), named("scans", "mine"), named("scans", "strange")))
		var refused *participants.Refuse
		if !errors.As(err, &refused) || refused.Code != "item_not_the_persons" {
			t.Errorf("%s: error %v, want refused", verb, err)
		}
	}
	if n := len(v.Stored()); n != 5 { // three of them are probes
		t.Errorf("%d transactions are left, want all 5", n)
	}
	res := erased(t, v.p, narrow(task(events.Erase, "jumio_scan=mine"), named("scans", "never-there")))
	if res.Verdict != events.Absent {
		t.Errorf("result %+v, want absent", res)
	}
}

func TestAnItemIsNamedOnceHoweverOftenItIsWritten(t *testing.T) {
	v := startVendor(t, tx("eu", "scans", "mine"), tx("eu", "scans", "other"))
	res := erased(t, v.p, narrow(task(events.Erase, "jumio_scan=mine", "jumio_scan=other"), named("scans", "mine"), named("scans", "eu:mine")))
	wantCounts(t, res.Counts, nil, events.Counts{"scans": 1})
}

func TestAnItemThatCannotBeReadIsAFault(t *testing.T) {
	v := startVendor(t)
	for reference, code := range map[events.Private]string{"mars:x": "region_not_configured", "a/b": "reference_form"} {
		_, err := v.p.Count(t.Context(), narrow(task(events.Erase), named("scans", reference)))
		wantMisconfigured(t, err, code)
	}
}
