package saga

import (
	"slices"
	"testing"
	"time"
)

// asks returns a request for these participants' shares, an hour after the queue began.
func asks(t *testing.T, s State, p Plan, items ...Item) Requested {
	t.Helper()
	return Requested{Request: Request{ID: "r1", Source: "x", Fingerprint: "1"}, Due: s.Due, Plan: p, Items: items, CutOff: s.At.Add(time.Hour)}
}

func TestAMergeThatGivesAnUnfitPlanIsPostponed(t *testing.T) {
	p := narrow(t, "account", "keys")
	s := queueOf(t, p)
	backwards := Plan{Name: "backwards", Participants: []Spec{{Name: "account"}, {Name: "keys", After: []string{"account"}}}}.WithDefaults()
	got, effects, err := Next(p, s, asks(t, s, backwards), s.At)
	if err != nil || !slices.Contains(effects, Effect(Postpone{})) || got.Seq != s.Seq {
		t.Errorf("nobody can erase in both orders: %v, %v; doubt %q", effects, err, got.Doubt)
	}
}

func TestEachItemKeepsTheCutOffOfItsRequest(t *testing.T) {
	s := queueOf(t, narrow(t, "keys"), Item{Participant: "keys", Kind: "key", Hash: "1"})
	first := s.CutOff
	in := asks(t, s, narrow(t, "sessions"), Item{Participant: "sessions", Kind: "session", Hash: "2"})
	s, _, err := Next(narrow(t, "keys"), s, in, in.CutOff)
	if err != nil || !s.CutOffOf("keys").Equal(first) || !s.CutOffOf("sessions").Equal(in.CutOff) || !s.CutOff.Equal(first) {
		t.Errorf("keys up to %s, sessions up to %s, the saga %s: %v", s.CutOffOf("keys"), s.CutOffOf("sessions"), s.CutOff, err)
	}
}

func TestAWholePersonDoesNotTakeTheCutOffFromAnothersShare(t *testing.T) {
	s := queueOf(t, narrow(t, "keys"))
	other := Plan{Name: "other", Participants: []Spec{{Name: "account"}}}.WithDefaults()
	in := asks(t, s, other)
	in.CutOff = time.Time{}
	if _, effects, err := Next(narrow(t, "keys"), s, in, s.At); err != nil || !slices.Contains(effects, Effect(Postpone{})) {
		t.Errorf("one cut-off cannot serve both: %v, %v", effects, err)
	}
	in.Plan = three // which erases the keys as well, whenever they were made
	if got, _, err := Next(narrow(t, "keys"), s, in, s.At); err != nil || !got.CutOff.IsZero() {
		t.Errorf("the whole person, but only up to %s: %v", got.CutOff, err)
	}
}

func TestAWholePersonDoesNotTakeInAShareWithACutOff(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, _, err := Next(three, State{}, Requested{Saga: "s", Request: Request{ID: "r0", Source: "x", Fingerprint: "0"}, Subject: "h",
		Due: now.Add(time.Hour), Plan: three, Queued: true}, now)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := Plan{Name: "other", Participants: []Spec{{Name: "phones"}}}.WithDefaults().Narrow([]string{"phones"})
	if _, effects, err := Next(three, s, asks(t, s, other), now); err != nil || !slices.Contains(effects, Effect(Postpone{})) {
		t.Errorf("the phones were to go up to a time, and go whenever they were made: %v, %v", effects, err)
	}
}

func TestAScopeIsNotLostToAPlanOfAnotherName(t *testing.T) {
	p := narrow(t, "keys")
	s := queueOf(t, p)
	in := asks(t, s, Plan{Name: "other", Participants: []Spec{{Name: "keys"}}}.WithDefaults())
	in.CutOff = time.Time{}
	s, effects, err := Next(p, s, in, s.At)
	if err != nil || !slices.Contains(effects, Effect(Postpone{})) || s.Plan != p.Digest() {
		t.Errorf("all of another plan, and part of this one, become all of this one: %v, %v", effects, err)
	}
}

func TestAWithdrawnRequestForMoreRaisesADoubt(t *testing.T) {
	st, _ := tell(t, "participant account", "participant sessions", "request r1 from billing")
	in := st.request([]string{"r2", "from", "shop"}).(Requested)
	in.Plan, _ = st.plan.WithDefaults().Narrow([]string{"sessions"})
	in.CutOff = st.now
	st.step(in)
	if st.tell("cancel r1 from billing"); st.s.Doubt == "" {
		t.Error("the one who stands asked for the sessions alone, and the account goes, too")
	}
}

func TestAWithdrawnRequestForTheSameRaisesNone(t *testing.T) {
	st, _ := tell(t, "participant account", "participant sessions", "request r1 from billing", "request r2 from shop")
	if st.tell("cancel r1 from billing"); st.s.Doubt != "" {
		t.Errorf("both asked for the same, and an operator is called: %s", st.s.Doubt)
	}
}

func TestAQueuedContradictionRaisesADoubt(t *testing.T) {
	st, _ := tell(t, "participant sessions")
	st.plan.Single = []string{"mail"}
	st.tell("queue r1 from billing")
	for n, hash := range []string{"v1:a", "v1:b"} {
		in := st.request([]string{"r" + string(rune('2'+n)), "from", "shop"}).(Requested)
		in.Request.Fingerprint = hash
		in.Identifiers = append(in.Identifiers, Identifier{Type: "mail", Hash: hash})
		st.step(in)
	}
	if st.s.Doubt == "" {
		t.Errorf("two addresses of one person, and nobody looks: %v", st.s.Identifiers)
	}
}
