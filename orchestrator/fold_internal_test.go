package orchestrator

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// TestASummaryReachesTheSourcesThatItHadNotReached: the bus has it for some of them only.
func TestASummaryReachesTheSourcesThatItHadNotReached(t *testing.T) {
	tests := map[string]struct{ told, want []string }{
		"none": {nil, []string{"erasure.summary.billing"}},
		"all":  {[]string{"billing"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, saga.Plan{Name: "all", Participants: []saga.Spec{{Name: "account"}}})
				ended := b.request(events.Request{UserID: "bob"})
				b.await(ended)
				summary, err := b.o.cfg.Store.Summary(context.Background(), ended)
				if err != nil {
					t.Fatal(err)
				}
				b.away(time.Hour)
				id := b.request(events.Request{UserID: "ada"})
				f := &findings{order: []saga.ID{id}, sagas: map[saga.ID]*finding{id: {finished: true, summary: summary, told: test.told}}}
				var to []string
				if _, err := b.ask(job{do: func(b *batch) error {
					_, err := b.foldAll(f)
					for _, m := range b.out.Outbox {
						to = append(to, m.Subject)
					}
					return err
				}}); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(to, test.want) {
					t.Errorf("told %v, want %v", to, test.want)
				}
			})
		})
	}
}

// TestAnUnknownRequestIsNamedOnce, also when an earlier recovery left it and another follows.
func TestAnUnknownRequestIsNamedOnce(t *testing.T) {
	u := UnknownRequest{Saga: "s1", Request: "s1.1", Source: "billing", Pivoted: true}
	r := Recovery{Unknown: []UnknownRequest{u, {Saga: "s2", Request: "s2.1"}}}
	r.name(&finding{accepted: []UnknownRequest{{Saga: "s1", Request: "s1.1", Source: "billing"}}}, nil)
	if len(r.Unknown) != 2 || !slices.Contains(r.Unknown, u) {
		t.Errorf("named: %+v", r.Unknown)
	}
}

// TestWhatEndedWithoutASummaryIsNamed: only a summary proves that nothing is left to do for
// a saga that the store does not know.
func TestWhatEndedWithoutASummaryIsNamed(t *testing.T) {
	asked := []UnknownRequest{{Saga: "s1", Request: "s1.1", Source: "billing"}}
	known := []saga.Request{{ID: "s1.0"}}
	tests := map[string]struct {
		at    finding
		known []saga.Request
		want  int
	}{
		"under way":                         {finding{accepted: asked}, nil, 1},
		"finished, with its summary":        {finding{accepted: asked, finished: true, summary: []byte("{}")}, nil, 0},
		"finished, and no summary is there": {finding{accepted: asked, finished: true}, nil, 1},
		"cancelled, and not yet restored":   {finding{accepted: asked, cancelled: true}, nil, 1},
		"cancelled, and the saga is known":  {finding{accepted: asked, cancelled: true}, known, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var r Recovery
			r.name(&test.at, test.known)
			if len(r.Unknown) != test.want {
				t.Errorf("named %+v, want %d", r.Unknown, test.want)
			}
		})
	}
}
