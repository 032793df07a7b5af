package saga

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

// three erase in the order keys, sessions, account.
var three = Plan{Name: "whole", Participants: []Spec{
	{Name: "account", After: []string{"sessions"}}, {Name: "keys"}, {Name: "sessions", After: []string{"keys"}}}}.WithDefaults()

func narrow(t *testing.T, names ...string) Plan {
	t.Helper()
	p, ok := three.Narrow(names)
	if err := p.Validate(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	return p
}

func after(p Plan, name string) []string {
	s, _ := p.Spec(name)
	return s.After
}

func TestANarrowPlanKeepsTheOrderAcrossWhatIsLeftOut(t *testing.T) {
	if got := after(narrow(t, "account", "keys"), "account"); !slices.Equal(got, []string{"keys"}) {
		t.Errorf("the account comes after %q", got)
	}
}

func TestTwoNarrowPlansTogetherKeepTheOrder(t *testing.T) {
	for _, u := range []Plan{narrow(t, "account").Union(narrow(t, "keys")), narrow(t, "keys").Union(narrow(t, "account"))} {
		if got := after(u, "account"); !slices.Equal(got, []string{"keys"}) || u.Validate() != nil {
			t.Errorf("the account comes after %q: %v", got, u.Validate())
		}
	}
}

// queueOf returns a queued saga for a narrow request.
func queueOf(t *testing.T, p Plan, items ...Item) State {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, _, err := Next(p, State{}, Requested{Saga: "s", Request: Request{ID: "r0", Source: "x", Fingerprint: "0"}, Subject: "h",
		Due: now.Add(time.Hour), Plan: p, Items: items, CutOff: now, Queued: true}, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAWholeShareInTheQueueDoesNotWidenAnother(t *testing.T) {
	one := Item{Participant: "keys", Kind: "key", Hash: "1"}
	s := queueOf(t, narrow(t, "keys"), one)
	in := Requested{Request: Request{ID: "r1", Source: "x", Fingerprint: "1"}, Due: s.Due, Plan: narrow(t, "account"), CutOff: s.At}
	s, _, err := Next(narrow(t, "keys"), s, in, s.At)
	one.CutOff = s.At
	if err != nil || !reflect.DeepEqual(s.Items, []Item{one}) {
		t.Errorf("one key was to go, and these items do, none meaning all keys: %v, %v", s.Items, err)
	}
	in = Requested{Request: Request{ID: "r2", Source: "x", Fingerprint: "2"}, Due: s.Due, Plan: narrow(t, "keys"), CutOff: s.At}
	if s, _, err = Next(narrow(t, "keys").Union(narrow(t, "account")), s, in, s.At); err != nil || len(s.Items) > 0 {
		t.Errorf("all keys were to go, and these items do: %v, %v", s.Items, err)
	}
}

func TestAnIdentifierThatTheSagaLacksIsNotJoined(t *testing.T) {
	st, _ := tell(t, "participant sessions", "request r1 from billing")
	in := st.request([]string{"r2", "from", "shop"}).(Requested)
	in.Identifiers = append(in.Identifiers, Identifier{Type: "email", Hash: "v1:mail"})
	if got := st.step(in); !has(got, "postpone") {
		t.Errorf("the address was sealed nowhere, and the request is answered %q", got)
	}
}

func TestAQueuedSagaTakesTheIdentifiersOfWhoJoins(t *testing.T) {
	st, _ := tell(t, "participant sessions", "queue r1 from billing")
	in := st.request([]string{"r2", "from", "shop"}).(Requested)
	in.Identifiers = append(in.Identifiers, Identifier{Type: "email", Hash: "v1:mail"})
	st.step(in)
	if len(st.s.Identifiers) != 2 {
		t.Errorf("identifiers %v", st.s.Identifiers)
	}
}
