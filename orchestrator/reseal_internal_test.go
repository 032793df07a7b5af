package orchestrator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// lost is a saga that knew an address of Ada's, whose value went with its box, and which account
// names no more: an operator is asked.
func (d *desk) lost() (id saga.ID) {
	d.t.Helper()
	id = d.request(events.Request{UserID: "ada"})
	d.does(id, events.Resolve, mailOf("x@example.com"))
	if err := d.o.cfg.Keys.Destroy(id); err != nil {
		d.t.Fatal(err)
	}
	d.restart()
	d.request(events.Request{UserID: "ada"})
	d.does(id, events.Resolve, resolved)
	time.Sleep(2 * time.Hour)
	d.commit(job{wake: &wake{saga: id}})
	d.does(id, events.Resolve, resolved)
	if d.state(id).Doubt == "" {
		d.t.Fatal("nobody is asked")
	}
	return id
}

func mailOf(v events.Private) events.Report {
	r := resolved
	r.Identifiers = []events.Identifier{{Type: "mail", Value: v}}
	return r
}

func namesMail() saga.Plan {
	return saga.Plan{Name: "all", Single: []string{"mail"}, Grace: time.Hour, Participants: []saga.Spec{{Name: "account", Yields: []string{"mail"}}}}
}

// TestALostValueIsStillOnePersons: another person who is found by it waits for an operator.
func TestALostValueIsStillOnePersons(t *testing.T) {
	for name, restarts := range map[string]bool{"at once": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, namesMail())
				d.lost()
				if restarts {
					d.restart()
				}
				bob := d.request(events.Request{UserID: "bob"})
				d.does(bob, events.Resolve, mailOf("x@example.com"))
				if s := d.state(bob); s.Doubt == "" {
					t.Errorf("bob is %s by ada's address, whose saga is under way", s.Phase)
				}
			})
		})
	}
}

// TestAHoldLiesOnALostValue, also when an operator has settled that it is lost.
func TestAHoldLiesOnALostValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, namesMail())
		id := d.lost()
		d.commit(job{do: func(b *batch) error {
			hold := d.hold("h")
			hold.On = d.o.cfg.Keys.HashAll("identifier", "mail", "x@example.com")
			b.out.Holds = append(b.out.Holds, hold)
			_, err := b.input(id, saga.Resume{By: "ada", Ground: "looked"})
			return err
		}})
		d.commit(job{wake: &wake{saga: id}})
		if s := d.state(id); len(s.Holds) != 1 || s.Phase == saga.Erasing {
			t.Errorf("%d holds, in %s", len(s.Holds), s.Phase)
		}
	})
}

// TestAClockInDoubtDestroysNoKeys: only by it a day has passed.
func TestAClockInDoubtDestroysNoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.request(events.Request{UserID: "ada"})
		d.flush()
		d.ends(id)
		d.off = keyPatience + time.Hour
		jump := job{do: func(b *batch) error { b.jump(d.off); return nil }, done: func(answer) {}}
		if err := d.o.commit(context.Background(), []job{jump}); err != nil {
			t.Fatal(err)
		}
		d.sweep()
		if d.o.trust.why() == "" || !d.o.cfg.Keys.Has(id) {
			t.Errorf("doubt %q, the key is there: %t", d.o.trust.why(), d.o.cfg.Keys.Has(id))
		}
	})
}
