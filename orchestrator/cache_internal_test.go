package orchestrator

import (
	"strconv"
	"testing"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// TestPlansOfEveryScopeAreNotKeptForEver: a source may think of any number of scopes.
func TestPlansOfEveryScopeAreNotKeptForEver(t *testing.T) {
	d := newDesk(t, oneShare())
	for i := range 3 * mostPlans {
		p := oneShare()
		p.Rounds = i
		d.o.plans.put(strconv.Itoa(i), p)
		d.o.united(p, strconv.Itoa(i))
	}
	if n, m := len(d.o.plans.others), len(d.o.unions); n > mostPlans || m > mostPlans {
		t.Errorf("it keeps %d plans and %d unions", n, m)
	}
	if _, ok := d.o.plans.get(oneShare().WithDefaults().Digest()); !ok {
		t.Error("it forgot a plan that is configured")
	}
	if _, more := d.o.united(saga.Plan{Name: "all"}, "0"); !more {
		t.Error("the union is of another plan")
	}
}
