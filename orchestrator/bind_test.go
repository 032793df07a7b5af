package orchestrator_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// findable is a plan in which registration data is found by the address, and names the user.
func findable() saga.Plan {
	return saga.Plan{Name: "all", BackoffFirst: 20 * time.Millisecond, Attempts: 3, Participants: []saga.Spec{
		{Name: events.Account, Yields: []string{"email"}},
		{Name: events.RegistrationData, Needs: []string{"email"}, Yields: []string{saga.UserID}},
	}}
}

// found serves both shares; the addresses lead to the users.
func (r *rig) found(finds map[string][]string) (account, directory *shelf) {
	account = newShelf(events.Account, "accounts", map[string]int64{"ada": 1, "bob": 1})
	account.yield = func(user string) []events.Identifier {
		return []events.Identifier{{Type: "email", Value: events.Private(user + "@example.com")}}
	}
	directory = newShelf(events.RegistrationData, "emails", map[string]int64{"ada": 2, "bob": 2})
	directory.finds = finds
	r.serve(account)
	r.serve(directory)
	return account, directory
}

func (r *rig) askByMail(c *bus.Client, mail string) events.Acceptance {
	r.t.Helper()
	a, err := c.Request(r.t.Context(), events.Request{Identifiers: []events.Identifier{{Type: "email", Value: events.Private(mail)}}})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// erasedOnly: everything of one user is gone, and nothing of the other.
func erasedOnly(t *testing.T, user, other string, all ...*shelf) {
	t.Helper()
	for _, s := range all {
		if left, _ := s.total(user); left != 0 {
			t.Errorf("%s: %d of %s are left", s.name, left, user)
		}
		if _, gone := s.total(other); gone != 0 {
			t.Errorf("%s: %d of %s are gone", s.name, gone, other)
		}
	}
}

// TestARequestByAnAddressIsBoundToWhoseItIs: nobody who needs the user id is asked before,
// and the saga is that person's from then on.
func TestARequestByAnAddressIsBoundToWhoseItIs(t *testing.T) {
	r := newRig(t, findable())
	account, directory := r.found(map[string][]string{"ada@example.com": {"ada"}})
	c, w := r.client("billing")
	a := r.askByMail(c, "ada@example.com")
	sum, raw := r.await(w, a.Saga)
	if sum.State != events.Completed || sum.Pseudonym != r.vault.Pseudonym("main", "ada") {
		t.Errorf("summary %s", raw)
	}
	erasedOnly(t, "ada", "bob", account, directory)
	for i, p := range r.permitsOf(directory) {
		if got := userOf(p); (got == "") != (i == 0) {
			t.Errorf("permit %d of the directory, to %s, is for %q", i, p.Verb, got)
		}
	}
	for _, p := range r.permitsOf(account) {
		if userOf(p) != "ada" {
			t.Errorf("the account got a permit to %s for %q", p.Verb, userOf(p))
		}
	}
	// Not within a hash: it would be a number there.
	if text := string(raw) + r.logs.String(); regexp.MustCompile(`\bada\b`).MatchString(text) {
		t.Error("the person is named in the summary or the log")
	}
}

// TestAnAmbiguousRequestWaitsForAnOperator, through restarts, and nothing is touched of
// anybody before; then what is erased is the one who was bound.
func TestAnAmbiguousRequestWaitsForAnOperator(t *testing.T) {
	r := newRig(t, findable())
	account, directory := r.found(map[string][]string{"team@example.com": {"ada", "bob"}})
	c, w := r.client("billing")
	a := r.askByMail(c, "team@example.com")
	d := r.desk()
	eventually(t, "ambiguous", func() bool { return r.state(a.Saga).Ambiguous != "" })
	r.restart()
	d.explains(a.Saga, "ambiguous: 2 user ids", "expunge op bind "+a.Saga)
	if again := r.askByMail(c, "team@example.com"); again.Saga != a.Saga || !again.Joined {
		t.Errorf("the same request again: %+v", again)
	}
	st, err := c.Status(t.Context(), a.Saga)
	if err != nil || st.State != events.Resolving || !strings.HasPrefix(st.Parked, "ambiguous") {
		t.Errorf("status %+v %v", st, err)
	}
	for _, p := range st.Participants {
		if p.Name == events.Account && p.Reason != "needs user_id" {
			t.Errorf("the account waits since %q", p.Reason)
		}
	}
	if n := len(r.permitsOf(account)); n != 0 {
		t.Errorf("the account got %d permits", n)
	}
	if err := r.vault.RotateHashKey(); err != nil { // who was named is known by the old key
		t.Fatal(err)
	}
	d.fails(events.Operation{Verb: events.OpResume, Saga: a.Saga}, events.CodeInvalid)
	d.fails(events.Operation{Verb: events.OpBind, Saga: a.Saga, UserID: "carl"}, events.CodeInvalid)

	d.does(events.Operation{Verb: events.OpBind, Saga: a.Saga, UserID: "bob"})
	d.fails(events.Operation{Verb: events.OpBind, Saga: a.Saga, UserID: "ada"}, events.CodeInvalid)
	d.explains(a.Saga, "another user id is named by "+events.RegistrationData)
	r.restart()
	d.does(events.Operation{Verb: events.OpResume, Saga: a.Saga})
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed || sum.Pseudonym != r.vault.Pseudonym("main", "bob") {
		t.Errorf("ended as %s", sum.State)
	}
	erasedOnly(t, "bob", "ada", account, directory)
	for _, p := range append(r.permitsOf(account), r.permitsOf(directory)...) {
		for _, id := range p.Identifiers {
			if id.Type == events.UserID && id.Value != "bob" {
				t.Errorf("a permit to %s hands out %q", p.Verb, id.Value.Reveal())
			}
		}
	}
}

// TestAnAddressThatNobodyKnowsIsNotFound.
func TestAnAddressThatNobodyKnowsIsNotFound(t *testing.T) {
	r := newRig(t, findable())
	account, directory := r.found(map[string][]string{})
	c, w := r.client("billing")
	sum, raw := r.await(w, r.askByMail(c, "nobody@example.com").Saga)
	if sum.State != events.NotFound {
		t.Errorf("ended as %s", sum.State)
	}
	for _, p := range sum.Participants {
		if (p.Verdict == events.Absent) != (p.Name == events.RegistrationData) {
			t.Errorf("who was never asked has a verdict: %s", raw)
		}
	}
	erasedOnly(t, "nobody", "ada", account, directory)
	if _, err := c.Request(t.Context(), events.Request{Identifiers: []events.Identifier{{Type: "phone", Value: "7"}}}); !isProblem(err, events.CodeUnsupported) {
		t.Errorf("by a number that leads nowhere: %v", err)
	}
}

// TestAHoldOnAPersonIsMetWhenTheRequestIsBound: nobody knew before that it is about them.
func TestAHoldOnAPersonIsMetWhenTheRequestIsBound(t *testing.T) {
	r := newRig(t, findable())
	account, directory := r.found(map[string][]string{"ada@example.com": {"ada"}})
	hold := r.operate(events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada"})
	c, w := r.client("billing")
	a := r.askByMail(c, "ada@example.com")
	eventually(t, "held", func() bool { s := r.state(a.Saga); return !s.Unbound && s.Held("") != nil })
	eventually(t, "looked at", func() bool { s := r.state(a.Saga); return s.Shares[1].Resolve.Status == saga.Reported })
	r.restart()
	if s := r.state(a.Saga); s.Phase != saga.Resolving {
		t.Errorf("in %s under a hold", s.Phase)
	}
	erasedOnly(t, "nobody", "ada", account, directory)
	r.operate(events.Operation{Verb: events.OpRelease, Hold: hold.Hold})
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
		t.Errorf("ended as %s", sum.State)
	}
}

// TestARequestByAnAddressWaitsForThePersonsOwn, and goes on by itself; so does one by other
// attributes of the same scope.
func TestARequestByAnAddressWaitsForThePersonsOwn(t *testing.T) {
	r := newRig(t, findable())
	account, directory := r.found(map[string][]string{"ada@example.com": {"ada"}})
	hold := r.operate(events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada"})
	c, w := r.client("billing")
	first, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	second := r.askByMail(c, "ada@example.com")
	eventually(t, "blocked", func() bool { return r.state(second.Saga).Blocked == saga.ID(first.Saga) })
	r.desk().explains(second.Saga, first.Saga+" is under way")
	r.restart()
	r.operate(events.Operation{Verb: events.OpRelease, Hold: hold.Hold})
	r.await(w, first.Saga)
	erasedOnly(t, "ada", "bob", account, directory)
	if s := r.state(second.Saga); !s.Unbound {
		t.Error("it was bound before the first one ended")
	}
	r.restart()                                                          // or within the minute
	if sum, _ := r.await(w, second.Saga); sum.State != events.NotFound { // the first has left nothing
		t.Errorf("ended as %s", sum.State)
	}
}

// TestWhoWasBoundIsMetByOthers: a request by the user id joins the saga that was bound to it,
// and a cancel before that ends it.
func TestWhoWasBoundIsMetByOthers(t *testing.T) {
	r := newRig(t, findable())
	r.found(map[string][]string{"ada@example.com": {"ada"}})
	r.operate(events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada"})
	c, _ := r.client("billing")
	a := r.askByMail(c, "ada@example.com")
	eventually(t, "bound", func() bool { return !r.state(a.Saga).Unbound })
	b, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil || b.Saga != a.Saga || !b.Joined {
		t.Errorf("by the user id: %+v %v", b, err)
	}
	if x := r.operate(events.Operation{Verb: events.OpCancel, Saga: a.Saga}); x.State != events.Cancelled {
		t.Errorf("cancelled: %+v", x)
	}
}

// TestANarrowRequestByAnAddressKeepsToItsScope: whoever names the person keeps their share,
// and a wider request by the same address waits until it is known whom the first is about.
func TestANarrowRequestByAnAddressKeepsToItsScope(t *testing.T) {
	r := newRig(t, findable())
	account, directory := r.found(map[string][]string{"team@example.com": {"ada", "bob"}})
	c, w := r.client("billing")
	ids := []events.Identifier{{Type: "email", Value: "team@example.com"}}
	a, err := c.Request(t.Context(), events.Request{Identifiers: ids, Scope: &events.Scope{Participants: []string{events.Account}}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "ambiguous", func() bool { return r.state(a.Saga).Ambiguous != "" })
	b := r.askByMail(c, "team@example.com")
	if !b.Queued || b.Saga == a.Saga {
		t.Fatalf("the wider one: %+v", b)
	}
	d := r.desk()
	d.fails(events.Operation{Verb: events.OpBind, Saga: b.Saga, UserID: "ada"}, events.CodeInvalid)
	d.does(events.Operation{Verb: events.OpBind, Saga: a.Saga, UserID: "ada"})
	eventually(t, "begun", func() bool { s := r.state(b.Saga); return !s.Queued && s.Ambiguous != "" })
	d.does(events.Operation{Verb: events.OpResume, Saga: a.Saga})
	if sum, raw := r.await(w, a.Saga); sum.State != events.Completed || len(sum.Participants) != 1 {
		t.Errorf("%s", raw)
	}
	erasedOnly(t, "ada", "bob", account)
	if left, _ := directory.total("ada"); left != 2 {
		t.Error("the directory is outside the scope, and lost something")
	}
	d.does(events.Operation{Verb: events.OpBind, Saga: b.Saga, UserID: "ada"})
	d.does(events.Operation{Verb: events.OpResume, Saga: b.Saga})
	if sum, _ := r.await(w, b.Saga); sum.State != events.Completed {
		t.Errorf("ended as %s", sum.State)
	}
	erasedOnly(t, "ada", "bob", account, directory)
}

// TestAValueOfTwoPersonsIsLookedAt: each of them has one address, and it is the same. Neither
// passes its pivot before an operator looked; also when the first was known before a restart.
func TestAValueOfTwoPersonsIsLookedAt(t *testing.T) {
	plan := findable()
	plan.Single = []string{"email"}
	r := newRig(t, plan)
	account, directory := r.found(map[string][]string{})
	account.yield = func(string) []events.Identifier {
		return []events.Identifier{{Type: "email", Value: "team@example.com"}}
	}
	hold := r.operate(events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada"})
	c, w := r.client("billing")
	ask := func(user string) events.Acceptance {
		a, err := c.Request(t.Context(), events.Request{UserID: events.Private(user)})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ada := ask("ada")
	eventually(t, "looked at", func() bool { return r.state(ada.Saga).Shares[1].Resolve.Status == saga.Reported })
	r.restart()
	bob := ask("bob")
	d := r.desk()
	for _, a := range []events.Acceptance{ada, bob} {
		eventually(t, "in doubt", func() bool { return r.state(a.Saga).Doubt != "" })
		got := d.explains(a.Saga, "its value of email is another person's as well").Explain
		if strings.Contains(got, "team@") {
			t.Errorf("the value is told: %s", got)
		}
	}
	erasedOnly(t, "nobody", "ada", account, directory)
	erasedOnly(t, "nobody", "bob", account, directory)
	d.does(events.Operation{Verb: events.OpResume, Saga: bob.Saga})
	r.await(w, bob.Saga)
	erasedOnly(t, "bob", "ada", account)
	d.does(events.Operation{Verb: events.OpResume, Saga: ada.Saga})
	r.operate(events.Operation{Verb: events.OpRelease, Hold: hold.Hold})
	if sum, _ := r.await(w, ada.Saga); sum.State != events.Completed {
		t.Errorf("ended as %s", sum.State)
	}
}

// TestAValueThatComesWithTheLastLookIsComparedBeforeThePivot: nothing else would keep the saga
// from passing it with that very report.
func TestAValueThatComesWithTheLastLookIsComparedBeforeThePivot(t *testing.T) {
	r := newRig(t, saga.Plan{Name: "all", Single: []string{"email"}, Participants: []saga.Spec{{Name: events.Account, Yields: []string{"email"}}}})
	account := newShelf(events.Account, "accounts", map[string]int64{"ada": 1, "bob": 1})
	account.yield = func(string) []events.Identifier {
		return []events.Identifier{{Type: "email", Value: "team@example.com"}}
	}
	r.serve(account)
	r.operate(events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada"})
	c, _ := r.client("billing")
	for _, user := range []events.Private{"ada", "bob"} {
		a, err := c.Request(t.Context(), events.Request{UserID: user})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "looked at", func() bool { return r.state(a.Saga).Shares[0].Resolve.Status == saga.Reported })
		if s := r.state(a.Saga); user == "bob" && (s.Phase != saga.Resolving || s.Doubt == "") {
			t.Errorf("in %s, doubt %q", s.Phase, s.Doubt)
		}
	}
}

// TestANumberThatNobodyVouchesForErasesNothing: the address finds the person, and the number
// beside it is another's.
func TestANumberThatNobodyVouchesForErasesNothing(t *testing.T) {
	plan := findable()
	plan.Participants[0].Yields = []string{"email", "phone"}
	plan.Participants = append(plan.Participants, saga.Spec{Name: events.Sessions, Needs: []string{"phone"}})
	r := newRig(t, plan)
	account, directory := r.found(map[string][]string{"ada@example.com": {"ada"}})
	sessions := newShelf(events.Sessions, "sessions", map[string]int64{"ada": 1})
	r.serve(sessions)
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{Identifiers: []events.Identifier{{Type: "email", Value: "ada@example.com"}, {Type: "phone", Value: "7"}}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "in doubt", func() bool { return r.state(a.Saga).Doubt != "" })
	r.restart()
	d := r.desk()
	d.explains(a.Saga, "no system says of the phone")
	erasedOnly(t, "nobody", "ada", account, directory, sessions)
	d.does(events.Operation{Verb: events.OpResume, Saga: a.Saga})
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
		t.Errorf("ended as %s", sum.State)
	}
	for _, p := range r.permitsOf(directory) {
		if n := len(p.Identifiers); userOf(p) != "" && n != 2 {
			t.Errorf("a permit to %s hands out %d identifiers", p.Verb, n)
		}
	}
}

// TestWhatIsSaidWithoutTheUserIDIsSaidAgain: by an address of two persons somebody yields the
// numbers of both, and only that of the one who was bound is erased by.
func TestWhatIsSaidWithoutTheUserIDIsSaidAgain(t *testing.T) {
	plan := findable()
	plan.Participants = append(plan.Participants, saga.Spec{Name: events.APIKeys, Needs: []string{"email"}, Yields: []string{"phone"}},
		saga.Spec{Name: events.Sessions, Needs: []string{"phone"}})
	r := newRig(t, plan)
	both := map[string][]string{"team@example.com": {"ada", "bob"}}
	r.found(both)
	keys := newShelf(events.APIKeys, "api_keys", map[string]int64{"ada": 1, "bob": 1})
	keys.finds, keys.yield = both, func(user string) []events.Identifier {
		phone := func(user string) events.Identifier {
			return events.Identifier{Type: "phone", Value: events.Private("of " + user)}
		}
		if user == "" {
			return []events.Identifier{phone("ada"), phone("bob")}
		}
		return []events.Identifier{phone(user)}
	}
	r.serve(keys)
	sessions := newShelf(events.Sessions, "sessions", map[string]int64{"ada": 1, "bob": 1})
	r.serve(sessions)
	c, w := r.client("billing")
	a := r.askByMail(c, "team@example.com")
	eventually(t, "ambiguous", func() bool { return r.state(a.Saga).Ambiguous != "" })
	d := r.desk()
	d.fails(events.Operation{Verb: events.OpWaive, Saga: a.Saga, Participant: events.APIKeys}, events.CodeInvalid) // it is to say it again
	d.does(events.Operation{Verb: events.OpBind, Saga: a.Saga, UserID: "bob"})
	eventually(t, "looked at", func() bool {
		return !slices.ContainsFunc(r.state(a.Saga).Shares, func(h saga.Share) bool { return h.Resolve.Status != saga.Reported })
	})
	r.restart()
	d = r.desk()
	d.does(events.Operation{Verb: events.OpResume, Saga: a.Saga})
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
		t.Errorf("ended as %s", sum.State)
	}
	for _, p := range r.permitsOf(sessions) {
		for _, id := range p.Identifiers {
			if userOf(p) != "" && id.Value == "of ada" {
				t.Errorf("a permit to %s of bob's hands out the number %q", p.Verb, id.Value.Reveal())
			}
		}
	}
	if n := len(r.state(a.Saga).Identifiers); n > 8 {
		t.Errorf("%d identifiers", n)
	}
}
