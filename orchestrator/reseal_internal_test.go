package orchestrator

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage/vault"
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

// TestTheSummarySaysWhoLookedAtWhatWasLost: a share that is found by less than before is no proof.
func TestTheSummarySaysWhoLookedAtWhatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := namesMail()
		plan.Participants[0].Needs = []string{saga.UserID, "mail"}
		d := newDesk(t, plan)
		id := d.lost()
		d.commit(job{do: func(b *batch) error {
			_, err := b.input(id, saga.Resume{By: "ada", Ground: "the mailbox is empty"})
			return err
		}})
		d.flush() // the bus has the pivot
		nothing := int64(0)
		d.does(id, events.Erase, events.Report{Verdict: events.Absent, Counts: events.Counts{}, Remaining: &nothing})
		d.does(id, events.Verify, events.Report{Verdict: events.Counted, Remaining: &nothing})
		data, err := d.store.Summary(t.Context(), id)
		if err != nil {
			t.Fatalf("%v, it is %s", err, d.state(id).Phase)
		}
		_, sum, err := events.Decode[events.Summary](nil, data)
		if err != nil {
			t.Fatal(err)
		}
		if x := sum.Exceptions; sum.State != events.CompletedWithExceptions || len(x) != 1 || x[0].Kind != "unverified" || x[0].By != "ada" || !strings.Contains(x[0].Ground, "the mailbox is empty") {
			t.Errorf("%s, %+v", sum.State, x)
		}
	})
}

// TestADamagedDataKeyHaltsItsSagaAlone: nothing can be sealed under it, and the request counts.
func TestADamagedDataKeyHaltsItsSagaAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "mine")
		open := func() *vault.Keys {
			t.Helper()
			k, err := vault.Open(path, vault.KEK{1})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = k.Close() })
			return k
		}
		if err := vault.Init(path, vault.KEK{1}); err != nil {
			t.Fatal(err)
		}
		d := newDesk(t, oneShare(), func(c *Config) { c.Keys = open() })
		id := d.request(events.Request{UserID: "ada"})
		d.flush()
		_ = d.o.cfg.Keys.Close()
		damageSlot(t, path)
		d.o.cfg.Keys = open()
		d.restart()
		d.commit(d.claim(id, events.Resolve))
		a := d.commit(job{request: d.fit(events.Request{UserID: "ada"})})[0]
		if a.err != nil || d.o.damaged[id] || d.state(id).Halted == "" {
			t.Errorf("request: %v; out of service: %t, halted %q", a.err, d.o.damaged[id], d.state(id).Halted)
		}
	})
}

// damageSlot changes the only key of a file, whose checksum is right.
func damageSlot(t *testing.T, path string) {
	t.Helper()
	const header, size, summed = 4096, 128, 112
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	slot := all[header : header+size]
	slot[70] ^= 1
	sum := sha256.Sum256(slot[:summed])
	copy(slot[summed:], sum[:size-summed])
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAValueIsKnownAgainUnderANewerHashKey, also one that was lost.
func TestAValueIsKnownAgainUnderANewerHashKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, namesMail())
		id := d.request(events.Request{UserID: "ada"})
		d.does(id, events.Resolve, mailOf("x@example.com"))
		if err := d.o.cfg.Keys.RotateHashKey(); err != nil {
			t.Fatal(err)
		}
		if err := d.o.cfg.Keys.Destroy(id); err != nil {
			t.Fatal(err)
		}
		d.restart()
		d.request(events.Request{UserID: "ada"})
		d.does(id, events.Resolve, mailOf("x@example.com"))
		s := d.state(id)
		l := &loaded{state: s}
		c, err := d.o.newBatch(t.Context()).open(l)
		if err != nil {
			t.Fatal(err)
		}
		if s.Doubt != "" || len(c.Identifiers) != 1 {
			t.Errorf("doubt %q, %d sealed", s.Doubt, len(c.Identifiers))
		}
	})
}

// TestAPassingFaultSealsNothingAnew: a box that cannot be read just now is no lost one.
func TestAPassingFaultSealsNothingAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		store := &shut{Store: d.store}
		d.o.cfg.Store = store
		id := d.request(events.Request{UserID: "ada", Reason: "the first"})
		store.is = true
		d.commit(job{request: d.fit(events.Request{UserID: "ada", NotBefore: new(time.Now())})})
		store.is = false
		c, err := d.o.newBatch(t.Context()).open(&loaded{state: d.state(id)})
		if err != nil || c.Reason != "the first" {
			t.Errorf("another box: %v", err)
		}
	})
}

// TestAQueuedSagaIsSealedAnew by a request that joins it behind the live one; while it cannot be,
// nothing is added to it.
func TestAQueuedSagaIsSealedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		d.pastPivot()
		queued := d.request(item("a-1"))
		if !d.state(queued).Queued {
			t.Fatal("it is not queued")
		}
		if err := d.o.cfg.Keys.Destroy(queued); err != nil {
			t.Fatal(err)
		}
		d.restart()
		d.busy(item("a-2"))
		if s := d.state(queued); s.Stuck() == "" {
			t.Error("an operator does not see that it waits for them")
		}
		d.request(item("a-1"))
		if s := d.state(queued); s.Halted != "" || !d.o.cfg.Keys.Has(queued) {
			t.Errorf("halted %q, its key is there: %t", s.Halted, d.o.cfg.Keys.Has(queued))
		}
	})
}

// TestALiveSagaIsSealedAnewWhateverWaitsBehindIt: the request itself cannot be taken.
func TestALiveSagaIsSealedAnewWhateverWaitsBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		live := d.pastPivot()
		queued := d.request(item("a-1"))
		if err := d.o.cfg.Keys.Destroy(live, queued); err != nil {
			t.Fatal(err)
		}
		d.restart()
		d.busy(events.Request{UserID: "ada", Regime: "ccpa"})
		if s := d.state(live); s.Halted != "" || !d.o.cfg.Keys.Has(live) {
			t.Errorf("halted %q, its key is there: %t", s.Halted, d.o.cfg.Keys.Has(live))
		}
		if s := d.state(queued); s.Stuck() == "" {
			t.Error("an operator does not see that what waits behind it waits for them")
		}
	})
}

// TestAConfirmationDestroysNoKeyTooEarly: a saga ends in its batch, and the bus does not have that
// end yet.
func TestAConfirmationDestroysNoKeyTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.request(events.Request{UserID: "ada"})
		d.flush()
		d.commit(job{do: func(b *batch) error {
			_, err := b.input(id, saga.CancelAll{By: "ada", Ground: "looked"})
			return err
		}}, job{do: confirming(Recovery{})})
		if !d.state(id).Phase.Final() || !d.o.cfg.Keys.Has(id) {
			t.Errorf("final %t; its key is there: %t, and the bus has not been told", d.state(id).Phase.Final(), d.o.cfg.Keys.Has(id))
		}
	})
}

// busy makes a request that cannot be taken now.
func (d *desk) busy(r events.Request) {
	d.t.Helper()
	a := d.commit(job{request: d.fit(r)})[0]
	if bad, ok := a.payload.(events.Problem); !ok || bad.Code != events.CodeBusy {
		d.t.Errorf("it is answered with %+v, %v; want busy", a.payload, a.err)
	}
}

// TestNobodyPassesAPivotWithoutABox: who waited under a doubt was not claimed since the box was lost.
func TestNobodyPassesAPivotWithoutABox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		id := d.request(events.Request{UserID: "ada"})
		d.input(id, saga.Doubted{Reason: "look"})
		d.does(id, events.Resolve, resolved)
		if err := d.o.cfg.Keys.Destroy(id); err != nil {
			t.Fatal(err)
		}
		d.restart()
		d.input(id, saga.Resume{By: "ada", Ground: "looked"})
		if s := d.state(id); !s.Pivoted.IsZero() || s.Halted == "" {
			t.Errorf("pivoted %s, halted %q; want it halted before its pivot", s.Pivoted, s.Halted)
		}
	})
}

// TestARepeatGivesUpNoWayBack: a cancelled saga needs what was sealed, and nothing of it is erased.
func TestARepeatGivesUpNoWayBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, saga.Plan{Name: "all", Grace: time.Hour, Participants: []saga.Spec{{Name: "account", Suspends: true}}})
		r := events.Request{UserID: "ada", IdempotencyKey: "k"}
		id := d.request(r)
		d.does(id, events.Resolve, resolved)
		p := d.permit(id, events.Suspend)
		for _, rep := range []events.Report{{Verdict: events.Prepared, Undo: "on"}, {Verdict: events.Suspended, Counts: events.Counts{"accounts": 1}}} {
			rep.Saga, rep.Verb, rep.Round, rep.Permit = string(id), events.Suspend, p.Round, p.Permit
			d.commit(job{report: &report{participant: "account", report: rep}})
		}
		d.input(id, saga.CancelAll{By: "ada", Ground: "a mistake"})
		if err := d.o.cfg.Keys.Destroy(id); err != nil {
			t.Fatal(err)
		}
		d.restart()
		d.commit(job{request: d.fit(r)})
		s := d.state(id)
		if h := s.Share("account"); s.Phase != saga.Restoring || s.Halted == "" || h.UndoLost || h.Undo == "" {
			t.Errorf("%s, halted %q, undo %q, lost: %t; want it to wait for the keys", s.Phase, s.Halted, h.Undo, h.UndoLost)
		}
	})
}

// input has a saga take an input of the core.
func (d *desk) input(id saga.ID, in saga.Input) {
	d.t.Helper()
	a := d.commit(job{do: func(b *batch) error {
		_, err := b.input(id, in)
		return err
	}})[0]
	if a.err != nil {
		d.t.Fatal(a.err)
	}
	d.flush()
}
