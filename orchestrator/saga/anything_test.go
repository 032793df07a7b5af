package saga

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAnythingMayCome throws inputs at the core that no honest worker would send: other
// participants' permits, wrong rounds and verbs, verdicts that do not fit. Whatever comes,
// it is answered, the state stays the fold of its history, and an end is an end.
func TestAnythingMayCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &chaos{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), permits: []PermitID{"", "nope"}}
		c.plan = Plan{Name: "any", Attempts: 2, Rounds: 2, Single: []string{"mail"}, Quiet: rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "quiet"),
			Grace: rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "grace"),
			Participants: []Spec{{Name: "a", Suspends: true, MaxItems: 1}, {Name: "b", After: []string{"a"}, Needs: []string{"mail"}},
				{Name: "c", Unverified: "blind", Yields: []string{"mail"}, Suspends: rapid.Bool().Draw(t, "suspends")},
				{Name: "d", Needs: []string{"mail"}, Yields: []string{UserID}}}}.WithDefaults()
		if err := c.plan.Validate(); err != nil {
			t.Fatal(err)
		}
		c.next(Requested{Saga: "s", Request: Request{ID: "r0", Source: "x", Fingerprint: "0"}, Subject: "h", Due: c.now.Add(time.Hour), Plan: c.plan,
			Queued: rapid.Bool().Draw(t, "queued"), Unbound: rapid.Bool().Draw(t, "unbound"), Identifiers: []Identifier{{Type: "mail", Hash: "1"}}})
		for range 80 {
			c.now = c.now.Add(rapid.SampledFrom([]time.Duration{0, 0, 0, time.Second, 70 * time.Second, -time.Hour, 48 * time.Hour}).Draw(t, "pass"))
			c.next(c.input())
		}
	})
}

type chaos struct {
	t       *rapid.T
	plan    Plan
	s       State
	now     time.Time
	history []Entry
	permits []PermitID
	n       int
}

func (c *chaos) next(in Input) {
	was := c.s
	s, effects, err := Next(c.plan, c.s, in, c.now)
	if err != nil {
		c.t.Fatalf("%T%+v: %v", in, in, err)
	}
	if was.Phase.Final() && !reflect.DeepEqual(was, s) {
		c.t.Fatalf("%T changed a saga that has ended", in)
	}
	c.s = s
	if in, ok := in.(Replanned); ok && s.Plan == in.Plan.Digest() {
		c.plan = in.Plan
	}
	answers := 0
	for _, e := range effects {
		switch e := e.(type) {
		case Record:
			c.history = append(c.history, e.Entry)
		case Grant:
			answers++
			c.permits = append(c.permits, e.Permit)
		case Deny, Receive, Admit, Postpone, CancelAnswer, OperatorAnswer, HoldAnswer:
			answers++
		case AskPivot:
			if c.draw(3) > 0 {
				defer func() { c.next(Cleared{}); c.next(Announced{}) }()
			}
		case AskSubject:
			if c.draw(3) > 0 {
				defer func() { c.next(Bound{User: e.User, Subject: "h " + e.User}) }()
			}
		case Ring, Emit, Finish, Bind:
		}
	}
	if answers != wanted(in) {
		c.t.Fatalf("%T%+v got %d answers", in, in, answers)
	}
	if c.n%16 == 0 || s.Phase.Final() != was.Phase.Final() {
		c.checkFold()
	}
	if Explain(c.plan, s, c.now) == "" {
		c.t.Fatalf("nothing to say after %T in %s", in, s.Phase)
	}
	if at, ok := s.Wake(c.plan, c.now); ok == s.Phase.Final() || ok && !at.After(c.now) {
		c.t.Fatalf("wake %v %v at %v in %s", at, ok, c.now, s.Phase)
	}
}

func (c *chaos) checkFold() {
	if folded, err := Fold(c.history); err != nil || !reflect.DeepEqual(folded, c.s) {
		c.t.Fatalf("fold(history) is not the state: %v", err)
	}
}

// wanted is how many answers an input gets.
func wanted(in Input) int {
	switch in.(type) {
	case Woke, Recovered, Begin, Cleared, Braked, Announced, Bound, Taken, Doubted, Decided, Replanned, BoxLost, BoxFound, Resealed:
		return 0
	case HoldPlaced, HoldReleased, Resume, BindTo, Extend, Unbrake, Requested, CancelRequested, CancelAll, Claimed, ReportReceived, Retry, Waive:
	}
	return 1
}

func (c *chaos) input() Input {
	who := rapid.SampledFrom([]string{"a", "b", "c", "", "stranger"}).Draw(c.t, "who")
	verb := rapid.SampledFrom([]Verb{Resolve, Erase, Verify, Resolve, Erase, Verify, Suspend, Restore, "", "x"}).Draw(c.t, "verb")
	round := rapid.IntRange(0, 3).Draw(c.t, "round")
	permit := rapid.SampledFrom(c.permits).Draw(c.t, "permit")
	c.n++
	switch c.draw(30) {
	case 0:
		return Woke{}
	case 1:
		return Recovered{}
	case 2:
		return Requested{Request: Request{ID: "r" + string(rune('0'+c.n%10)), Source: "y", Fingerprint: string(rune('0' + round))}, Due: c.now, Plan: c.plan}
	case 3:
		switch c.draw(12) {
		case 0:
			return CancelRequested{Request: "r0", Source: "x"}
		case 1:
			return CancelAll{By: "ada", Ground: "a mistake"}
		}
		return CancelRequested{Request: "r1", Source: "x"}
	case 4:
		return Retry{Participant: who, Verb: verb, By: "ada", Ground: "mended"}
	case 5:
		return Waive{Participant: who, By: rapid.SampledFrom([]string{"", "", "", "ada"}).Draw(c.t, "by"), Ground: "ticket"}
	case 6:
		return Claimed{Participant: who, Verb: verb, Round: round, Instance: "w1", Permit: permit, Fresh: c.fresh()}
	case 7:
		return c.report(who, verb, round, permit)
	}
	if c.draw(6) == 0 {
		return c.around(who, verb)
	}
	if c.draw(2) == 0 {
		return c.claimRight()
	}
	return c.reportRight(c.permits[max(0, len(c.permits)-1-c.draw(3))])
}

func (c *chaos) draw(n int) int { return rapid.IntRange(0, n-1).Draw(c.t, "draw") }

func (c *chaos) fresh() PermitID {
	return PermitID("p" + string(rune('a'+c.n%26)) + string(rune('a'+c.n/26)))
}

// claimRight claims a step that is open, so that chaos gets somewhere.
func (c *chaos) claimRight() Input {
	in := Claimed{Participant: "a", Verb: Resolve, Round: 1, Instance: rapid.SampledFrom([]string{"w1", "w2"}).Draw(c.t, "instance"), Fresh: c.fresh()}
	c.s.each(func(h *Share, v Verb, t *Step) {
		if t.Status == Open {
			in.Participant, in.Verb, in.Round = h.Name, v, t.Round
		}
	})
	return in
}

// reportRight reports under a permit what fits its step, be it true or not.
func (c *chaos) reportRight(permit PermitID) Input {
	in := c.report("a", Resolve, 1, permit)
	c.s.each(func(h *Share, v Verb, t *Step) {
		if q := t.permit(permit); q != nil {
			in.Participant, in.Verb, in.Round = h.Name, v, q.Round
		}
	})
	if c.draw(3) > 0 {
		none := int64(0)
		in.Remaining, in.Identifiers, in.Class = &none, nil, Transient
	}
	switch in.Verb {
	case Resolve:
		in.Verdict = rapid.SampledFrom([]Verdict{Resolved, Resolved, Absent, Failed}).Draw(c.t, "resolve")
	case Erase:
		in.Verdict = rapid.SampledFrom([]Verdict{Erased, Erased, Absent, Anonymised, Retained, Failed}).Draw(c.t, "erase")
	case Verify:
		in.Verdict = Counted
	case Suspend:
		in.Undo = "u" + string(permit)
		in.Verdict = rapid.SampledFrom([]Verdict{Prepared, Prepared, Suspended, Suspended, Absent, Failed}).Draw(c.t, "suspend")
	case Restore:
		in.Verdict = rapid.SampledFrom([]Verdict{Restored, Restored, Absent, Failed}).Draw(c.t, "restore")
	}
	return in
}

// around is what the shell and people may say, fitting or not.
func (c *chaos) around(who string, verb Verb) Input {
	hold := Hold{ID: rapid.SampledFrom([]string{"h1", "h2"}).Draw(c.t, "hold"), Participant: who, Ground: "case", By: "ada", At: c.now}
	if rapid.Bool().Draw(c.t, "ends") {
		hold.Until = c.now.Add(rapid.SampledFrom([]time.Duration{-time.Hour, time.Minute}).Draw(c.t, "until"))
	}
	more := Plan{Name: "any", Participants: []Spec{{Name: "zoo", Suspends: rapid.Bool().Draw(c.t, "zoo")}}}.WithDefaults()
	decided := Decided{Kind: rapid.SampledFrom([]Decision{DecidedCancel, DecidedWithdrawn, DecidedSuspend, DecidedPivot, DecidedEnd, "", "x"}).Draw(c.t, "decided"),
		Request: rapid.SampledFrom([]string{"r0", "r1", "r2", ""}).Draw(c.t, "withdrawn"), More: rapid.Bool().Draw(c.t, "more")}
	if c.draw(8) == 0 {
		decided.End = Completed
	}
	return rapid.SampledFrom([]Input{
		Begin{}, Begin{}, Cleared{}, Braked{Reason: "full"}, Announced{}, HoldPlaced{hold}, HoldReleased{ID: hold.ID, By: "ada", Ground: "over"},
		Bound{User: "1", Subject: "h 1"}, Bound{}, Taken{"other"}, BindTo{User: rapid.SampledFrom([]string{"1", "2", ""}).Draw(c.t, "user"), By: "ada", Ground: "looked"},
		Doubted{Reason: "look"}, Resume{By: "ada", Ground: "looked"}, Extend{Until: c.now.Add(48 * time.Hour), By: "ada", Ground: "many"},
		Unbrake{Participant: who, By: "ada", Ground: "looked"}, BoxLost{}, BoxFound{}, BoxFound{}, decided, Resealed{Identifiers: []Identifier{{Type: rapid.SampledFrom([]string{"mail", UserID}).Draw(c.t, "sealed"), Hash: "1"}}},
		Replanned{c.plan.Union(more)}, Replanned{more}, Replanned{}, Waive{Participant: who, Verb: verb, By: "ada", Ground: "ticket"},
	}).Draw(c.t, "around")
}

func (c *chaos) report(who string, verb Verb, round int, permit PermitID) ReportReceived {
	in := ReportReceived{Participant: who, Verb: verb, Round: round, Permit: permit,
		Verdict: rapid.SampledFrom([]Verdict{Resolved, Absent, Erased, Anonymised, Shredded, Retained, Waived, Counted, Prepared, Suspended, Restored, Failed, "", "x"}).Draw(c.t, "verdict"),
		Class:   rapid.SampledFrom([]Class{Transient, RateLimited, Misconfigured, Refused}).Draw(c.t, "class"), Code: "code"}
	if n := rapid.Int64Range(-1, 2).Draw(c.t, "remaining"); n >= 0 {
		in.Remaining = &n
	}
	if rapid.Bool().Draw(c.t, "counts") {
		in.Counts = Counts{"k": rapid.Int64Range(0, 2).Draw(c.t, "count")}
	}
	if rapid.Bool().Draw(c.t, "yields") {
		in.Identifiers = []Identifier{{Type: rapid.SampledFrom([]string{"mail", "phone", UserID}).Draw(c.t, "type"), Hash: rapid.SampledFrom([]string{"1", "1", "2"}).Draw(c.t, "value")}}
	}
	return in
}
