package orchestrator

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// TestCountsThatDoNotFitDoNotKeepASagaFromItsEnd: a participant that lies about numbers must
// not make a summary that cannot be written.
func TestCountsThatDoNotFitDoNotKeepASagaFromItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 1<<53 - 1
		one := int64(1)
		d := newDesk(t, oneShare())
		id := d.request(events.Request{UserID: "ada"})
		d.does(id, events.Resolve, events.Report{Verdict: events.Resolved, Counts: events.Counts{"accounts": most}})
		d.does(id, events.Erase, events.Report{Verdict: events.Erased, Counts: events.Counts{"accounts": most}, Remaining: &nothing})
		d.does(id, events.Verify, events.Report{Verdict: events.Counted, Counts: events.Counts{"accounts": 1}, Remaining: &one})
		d.does(id, events.Erase, events.Report{Verdict: events.Erased, Counts: events.Counts{"accounts": 1}, Remaining: &nothing})
		d.does(id, events.Verify, events.Report{Verdict: events.Counted, Remaining: &nothing})
		if s := d.state(id); !s.Phase.Final() {
			t.Errorf("it is %s for ever", s.Phase)
		}
	})
}

// TestAWithdrawnHurryLeavesTheTimeThatStands: who asked for it at once has withdrawn, and
// who stands asked for no sooner than in ten days.
func TestAWithdrawnHurryLeavesTheTimeThatStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare(), func(c *Config) { c.Sources["shop"] = Source{Realm: "main", Plan: "all"} })
		later := time.Now().Add(10 * 24 * time.Hour).UTC()
		id := d.request(events.Request{UserID: "ada", NotBefore: &later})
		in, _ := d.o.fit("shop", events.Request{UserID: "ada"}, "")
		a := d.commit(job{request: in})[0].payload.(events.Acceptance)
		d.commit(job{cancel: &cancellation{source: "shop", saga: id, cancel: events.Cancel{Request: a.Request}}})
		c := d.commit(d.claim(id, events.Resolve))[0]
		if p, ok := c.payload.(events.Permit); ok {
			r := resolved
			r.Saga, r.Verb, r.Round, r.Permit = string(id), events.Resolve, p.Round, p.Permit
			d.commit(job{report: &report{participant: "account", report: r}})
		}
		d.flush()
		if s := d.state(id); !s.Pivoted.IsZero() {
			t.Errorf("%s: it passed its pivot ten days too early", s.Phase)
		}
	})
}

// TestTwoReasonsToDoubtAreBothTold: whoever resumes has seen one of them only.
func TestTwoReasonsToDoubtAreBothTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := saga.Plan{Name: "all", Single: []string{"mail"}, Participants: []saga.Spec{{Name: "account", Yields: []string{"mail"}}}}
		d := newDesk(t, plan, func(c *Config) { c.Sources["shop"] = Source{Realm: "main", Plan: "all"} })
		id := d.request(events.Request{UserID: "ada"})
		in, _ := d.o.fit("shop", events.Request{UserID: "ada", Scope: &events.Scope{Participants: []string{"account"}}}, "")
		d.commit(job{request: in})
		r := resolved
		r.Identifiers = []events.Identifier{{Type: "mail", Value: "a@x"}, {Type: "mail", Value: "b@x"}}
		d.does(id, events.Resolve, r)
		first := d.state(id).Doubt
		d.commit(job{cancel: &cancellation{source: "billing", saga: id, cancel: events.Cancel{Request: requestID(id, 1)}}})
		second := d.state(id).Doubt
		if first == "" || second == first || !strings.Contains(second, first) {
			t.Errorf("first %q, then %q", first, second)
		}
	})
}

// TestWhatIsLeftIsLeftByAnyName: an older count of the same round calls it what nobody knows.
func TestWhatIsLeftIsLeftByAnyName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.pastPivot()
		d.does(id, events.Erase, erased)
		five := int64(5)
		old := d.permit(id, events.Verify)
		time.Sleep(70 * time.Second) // that permit is dead, and another is given
		d.commit(job{wake: &wake{saga: id}})
		time.Sleep(70 * time.Second)
		d.commit(job{wake: &wake{saga: id}})
		p := d.permit(id, events.Verify)
		say := func(permit string, r events.Report) answer {
			r.Saga, r.Verb, r.Round, r.Permit = string(id), events.Verify, p.Round, permit
			return d.commit(job{report: &report{participant: "account", report: r}})[0]
		}
		x := say(old.Permit, events.Report{Verdict: events.Counted, Counts: events.Counts{"nonsense": 5}, Remaining: &five})
		y := say(p.Permit, events.Report{Verdict: events.Counted, Remaining: &nothing})
		d.flush()
		if s := d.state(id); s.Phase.Final() {
			t.Errorf("five are left, and it is %s (%+v %+v)", s.Phase, x, y)
		}
	})
}

// TestWhoAsksAgainAndSoonerIsServedSooner: it is another request than that for later.
func TestWhoAsksAgainAndSoonerIsServedSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		later := time.Now().Add(10 * 24 * time.Hour).UTC()
		id := d.request(events.Request{UserID: "ada", NotBefore: &later})
		for range 2 {
			if d.request(events.Request{UserID: "ada"}) != id {
				t.Fatal("another saga")
			}
		}
		if s := d.state(id); len(s.Requests) != 2 || !s.NotBefore.IsZero() {
			t.Errorf("%d requests, and it waits until %s", len(s.Requests), s.NotBefore)
		}
	})
}
