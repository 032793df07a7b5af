package orchestrator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

func TestEveryFaultOfAConfigurationIsNamedAtOnce(t *testing.T) {
	_, err := orchestrator.New(orchestrator.Config{
		Plans: map[string]saga.Plan{
			"empty":    {Name: "empty"},
			"bad name": {Name: "bad name", Participants: []saga.Spec{{Name: "a"}}},
			"loop":     {Name: "loop", Participants: []saga.Spec{{Name: "a", After: []string{"b"}}, {Name: "b", After: []string{"a"}}}},
			"lost":     {Name: "lost", Participants: []saga.Spec{{Name: "a", After: []string{"nobody"}, Needs: []string{"email"}}}},
			"grace":    {Name: "grace", Grace: time.Hour, Participants: []saga.Spec{{Name: "A.b", Unverified: "line\nline"}}},
		},
		Sources:  map[string]orchestrator.Source{"shop": {Plan: "nope", Regime: "nope"}, "slow": {Realm: "main", Plan: "grace", Regime: "ccpa"}},
		Regimes:  map[string]time.Duration{"gdpr": 0, "ccpa": time.Minute},
		Ceilings: orchestrator.Ceilings{Overall: -1},
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"store: missing", "keys: missing", "conn: missing", "plans: empty: participants: a plan without participants",
		"plans: bad name: a name is", "plans: loop: participants: after: cycle a > b > a", `after: no participant "nobody"`, "needs email, which nobody yields",
		"sources: slow: plan: the grace of grace, 1h0m0s, is longer than the regime ccpa allows: 1m0s", "ceilings: not below zero", `participants: "A.b"`, "unverified: must be", "sources: shop: realm", `plan: no plan "nope"`, `regime: no regime "nope"`, "regimes: gdpr"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in:\n%v", want, err)
		}
	}
}
