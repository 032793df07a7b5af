package orchestrator_test

import (
	"slices"
	"testing"

	"github.com/expunge-io/expunge/events"
)

// permitsAfter lets a person's live saga be followed by one that takes both requests in,
// and returns the permits to erase the account that it gave out.
func permitsAfter(t *testing.T, first, second *events.Scope) (out []events.Permit) {
	t.Helper()
	r := newRig(t, twoShares())
	account, idp := r.heldBack("ada")
	idp.set(func(s *shelf) { s.deafTo = events.Erase })
	c, w := r.client("billing")
	ask := func(scope *events.Scope) string {
		a, err := c.Request(t.Context(), events.Request{UserID: "ada", Scope: scope})
		if err != nil {
			t.Fatal(err)
		}
		return a.Saga
	}
	live := ask(&events.Scope{Participants: []string{events.IdentityProvider}})
	eventually(t, "past the pivot", func() bool { return !r.state(live).Pivoted.IsZero() })
	queued := ask(first)
	if also := ask(second); also != queued {
		t.Fatalf("the second is served by %s, want %s", also, queued)
	}
	idp.set(func(s *shelf) { s.deafTo = "" })
	r.restart() // what was merged is read from the store
	r.await(w, queued)
	for _, p := range r.permitsOf(account) {
		if p.Saga == queued && p.Verb == events.Erase {
			out = append(out, p)
		}
	}
	return out
}

func scopeOf(reference events.Private) *events.Scope {
	return &events.Scope{Items: []events.Item{{Participant: events.Account, Kind: "accounts", Reference: reference}}}
}

// TestTheItemsOfAllRequestsReachTheWorker, also of those that joined in the queue: what a
// permit does not name is erased by nobody, and the saga would end as completed.
func TestTheItemsOfAllRequestsReachTheWorker(t *testing.T) {
	permits := permitsAfter(t, scopeOf("a-1"), scopeOf("a-2"))
	if len(permits) == 0 {
		t.Fatal("nothing was permitted")
	}
	for _, p := range permits {
		has := func(ref string) bool {
			return slices.ContainsFunc(p.Items, func(i events.Item) bool { return i.Reference.Reveal() == ref })
		}
		if len(p.Items) != 2 || !has("a-1") || !has("a-2") || p.CutOff == nil {
			t.Errorf("permit for %d items, cut-off %v", len(p.Items), p.CutOff)
		}
	}
}

// TestAWholeShareIsNotNarrowedByAnItemThatWaitedBefore, or the rest of it is left.
func TestAWholeShareIsNotNarrowedByAnItemThatWaitedBefore(t *testing.T) {
	permits := permitsAfter(t, scopeOf("a-1"), nil)
	if len(permits) == 0 {
		t.Fatal("nothing was permitted")
	}
	for _, p := range permits {
		if len(p.Items) > 0 || p.CutOff != nil {
			t.Errorf("the whole share was asked for; permit for %d items, cut-off %v", len(p.Items), p.CutOff)
		}
	}
}
