package orchestrator_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// canaries are values that may be in a permit and in the sealed box, and nowhere else.
var canaries = []string{person, mail, "free text of the canary"}

func TestNoPersonalDataRestsAnywhereButInTheBox(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	c, w := r.client("billing")
	if _, err := c.Publish(t.Context(), events.Request{UserID: person, Reason: "free text of the canary"}, "stored-1"); err != nil {
		t.Fatal(err)
	}
	a, err := c.Request(t.Context(), events.Request{UserID: person, Reason: "free text of the canary"})
	if err != nil {
		t.Fatal(err)
	}
	_, summary := r.await(w, a.Saga)
	r.restart()
	r.stop()
	r.srv.Shutdown()

	history, err := r.store.History(t.Context(), saga.ID(a.Saga))
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for _, e := range history {
		told.Write(e.Bytes())
	}
	metrics, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, canary := range canaries {
		for where, text := range map[string]string{"log": r.logs.String(), "summary": string(summary), "history": told.String(), "metrics": fmt.Sprint(metrics)} {
			if strings.Contains(text, canary) {
				t.Errorf("%q is in the %s", canary, where)
			}
		}
		if hits := grep(t, r.dir, canary); len(hits) > 0 {
			t.Errorf("%q is in the bus store: %v", canary, hits)
		}
		if hits := grep(t, filepath.Dir(r.store.path), canary); len(hits) > 0 {
			t.Errorf("%q is in the database: %v", canary, hits)
		}
	}
	if _, err := r.store.Vault(t.Context(), saga.ID(a.Saga)); err == nil {
		t.Error("the box outlives its saga")
	}
	if r.vault.Has(saga.ID(a.Saga)) {
		t.Error("the data key outlives its saga")
	}
}

func TestMetricsKeepToTheConventionsAndToClosedSets(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	r.await(w, a.Saga)
	problems, err := testutil.GatherAndLint(r.reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "expunge_") {
			t.Errorf("%s: has no prefix", f.GetName())
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if strings.Contains(l.GetValue(), a.Saga) || len(l.GetValue()) > 40 {
					t.Errorf("%s: label %s=%s", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
	want := `
# HELP expunge_sagas_ended_total Sagas that reached a final state.
# TYPE expunge_sagas_ended_total counter
expunge_sagas_ended_total{state="completed"} 1
# HELP expunge_verdicts_total Shares settled, by participant and verdict.
# TYPE expunge_verdicts_total counter
expunge_verdicts_total{participant="account",verdict="erased"} 1
expunge_verdicts_total{participant="identity-provider",verdict="erased"} 1
`
	if err := testutil.GatherAndCompare(r.reg, strings.NewReader(want), "expunge_sagas_ended_total", "expunge_verdicts_total"); err != nil {
		t.Error(err)
	}
}
