package orchestrator_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// desk is an operator at the door on the bus.
type desk struct {
	r *rig
	o *bus.Operator
}

func (r *rig) desk() desk { return desk{r, bus.NewOperator(r.connect("operator"))} }

// does decides and is obeyed.
func (d desk) does(op events.Operation) events.Operated {
	d.r.t.Helper()
	op.By, op.Ground = "Alex", "case 17"
	done, err := d.o.Operate(d.r.t.Context(), op)
	if err != nil || done.Explain == "" {
		d.r.t.Fatalf("%s: %+v, %v", op.Verb, done, err)
	}
	return done
}

// fails decides and is refused with a code.
func (d desk) fails(op events.Operation, code string) {
	d.r.t.Helper()
	op.By, op.Ground = "Alex", "case 17"
	if done, err := d.o.Operate(d.r.t.Context(), op); !isProblem(err, code) {
		d.r.t.Errorf("%s: %+v, %v, want a problem %s", op.Verb, done, err, code)
	}
}

func (d desk) explains(saga string, want ...string) events.Operated {
	d.r.t.Helper()
	got := d.does(events.Operation{Verb: events.OpExplain, Saga: saga})
	for _, w := range want {
		if !strings.Contains(got.Explain, w) {
			d.r.t.Errorf("explained as %q, want %q", got.Explain, w)
		}
	}
	return got
}

// TestAnOperatorIsToldThatTheClockIsInDoubtAndConfirmsIt, with what is told there.
func TestAnOperatorIsToldThatTheClockIsInDoubtAndConfirmsIt(t *testing.T) {
	clock := &wallClock{}
	r := newRig(t, twoShares(), func(c *orchestrator.Config) { c.Wall = clock.now })
	r.heldBack("ada")
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	r.await(w, a.Saga)
	d := r.desk()
	if all := d.explains("", "nothing waits for an operator"); len(all.Sagas) != 0 {
		t.Errorf("%v wait", all.Sagas)
	}
	d.fails(events.Operation{Verb: events.OpConfirmClock}, events.CodeInvalid)

	clock.jump(3 * time.Hour)
	r.restart()
	a, err = c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "kept from its pivot", func() bool { return r.state(a.Saga).Brake != "" })
	if all := d.explains("", "the clock is in doubt", "confirm_clock", "1 saga cannot go on"); !slices.Equal(all.Sagas, []string{a.Saga}) {
		t.Errorf("%v wait", all.Sagas)
	}
	d.does(events.Operation{Verb: events.OpConfirmClock})
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
		t.Errorf("ended as %s", sum.State)
	}
}

// TestAnOperatorConfirmsARestore: until then nothing that the old store knows of a saga
// that went on is a ground to decide by.
func TestAnOperatorConfirmsARestore(t *testing.T) {
	r := newRig(t, twoShares())
	id := r.unserved(person)
	restore := r.backUp()
	account, idp := shelves()
	r.serve(account)
	idp.deaf = true
	r.serve(idp)
	eventually(t, "resolving", func() bool { return len(r.permitsOf(idp)) > 0 })
	r.report(t, id, idp)
	eventually(t, "erasing", func() bool { return r.state(id).Phase == saga.Erasing })
	eventually(t, "all is out", func() bool { return r.outbox() == 0 })
	restore(nil)

	d := r.desk()
	d.explains(id, "knows nothing of what was decided since", "confirm_restore")
	if all := d.explains("", "confirm_restore", "1 saga held back"); !slices.Equal(all.Sagas, []string{id}) {
		t.Errorf("%v wait", all.Sagas)
	}
	d.fails(events.Operation{Verb: events.OpCancel, Saga: id}, events.CodeTooLate)
	d.fails(events.Operation{Verb: events.OpWaive, Saga: id, Participant: account.name}, events.CodeInvalid)
	idp.set(func(s *shelf) { s.deaf = false })
	d.does(events.Operation{Verb: events.OpConfirmRestore})
	_, w := r.client("billing")
	r.await(w, id)
	d.fails(events.Operation{Verb: events.OpConfirmRestore}, events.CodeInvalid)
}

// TestNothingIsErasedBeforeARestoreIsConfirmed, and the saga says why it waits.
func TestNothingIsErasedBeforeARestoreIsConfirmed(t *testing.T) {
	r := newRig(t, twoShares())
	restore := r.backUp()
	restore(map[string][]byte{"restored": []byte("2026-01-01T00:00:00Z")})
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	id := r.unserved(person)
	eventually(t, "at the pivot", func() bool { return r.state(id).Brake != "" })
	d := r.desk()
	d.explains(id, "nothing is erased until an operator confirms it")
	d.explains("", "nothing is erased before it is confirmed")
	_, w := r.client("billing")
	d.does(events.Operation{Verb: events.OpConfirmRestore})
	r.await(w, id)
	d.explains("", "nothing waits for an operator")
}

// TestHoldsAreListed: those that count, the oldest first, and not on whom they lie. What
// people wrote at full length still fits an answer.
func TestHoldsAreListed(t *testing.T) {
	r := newRig(t, twoShares())
	r.heldBack("ada")
	d := r.desk()
	long := strings.Repeat("é", 512)
	done, err := d.o.Operate(t.Context(), events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada", By: "Alex", Ground: long})
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Second)
	d.does(events.Operation{Verb: events.OpHold, Realm: "main", UserID: "bob", Until: &soon})
	d.fails(events.Operation{Verb: events.OpHold, Realm: "mian", UserID: "ada"}, events.CodeInvalid) // or it would lie on nobody
	share := d.does(events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada", Participant: "account"})
	var got []events.LegalHold
	eventually(t, "over", func() bool {
		got = d.does(events.Operation{Verb: events.OpHolds}).Holds
		return len(got) < 3
	})
	if len(got) != 2 || got[0].Hold != done.Hold || got[0].Ground != long || got[1].Hold != share.Hold || got[1].Participant != "account" || got[1].By != "Alex" {
		t.Errorf("holds: %+v", got)
	}
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "held", func() bool {
		return strings.Contains(d.does(events.Operation{Verb: events.OpExplain, Saga: a.Saga}).Explain, "the whole erasure: held since")
	})
	if lifted := d.does(events.Operation{Verb: events.OpRelease, Hold: done.Hold}); !strings.Contains(lifted.Explain, "1 saga under way") {
		t.Errorf("release: %s", lifted.Explain)
	}
	if left := d.does(events.Operation{Verb: events.OpHolds}).Holds; len(left) != 1 {
		t.Errorf("after the release: %+v", left)
	}
}

// TestACancelThatIsRepeatedSaysWhetherTheBusHasIt, although it decides nothing.
func TestACancelThatIsRepeatedSaysWhetherTheBusHasIt(t *testing.T) {
	r := newRig(t, twoShares())
	c, w := r.client("billing")
	tomorrow := time.Now().Add(24 * time.Hour)
	a, err := c.Request(t.Context(), events.Request{UserID: "ada", NotBefore: &tomorrow})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := c.Cancel(t.Context(), events.Cancel{Request: a.Request}); err != nil || !first.Replicated {
		t.Errorf("%+v, %v", first, err)
	}
	r.await(w, a.Saga)
	eventually(t, "all is out", func() bool { return r.outbox() == 0 })
	if again, err := c.Cancel(t.Context(), events.Cancel{Request: a.Request}); err != nil || !again.Replicated || again.State != events.Cancelled {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// TestACancelByAnOperatorSaysWhoAndWhy, in the history and not only in a log.
func TestACancelByAnOperatorSaysWhoAndWhy(t *testing.T) {
	r := newRig(t, twoShares())
	c, _ := r.client("billing")
	tomorrow := time.Now().Add(24 * time.Hour)
	a, err := c.Request(t.Context(), events.Request{UserID: "ada", NotBefore: &tomorrow})
	if err != nil {
		t.Fatal(err)
	}
	if done := r.desk().does(events.Operation{Verb: events.OpCancel, Saga: a.Saga}); done.State != events.Cancelled {
		t.Errorf("cancel: %+v", done)
	}
	history, err := r.store.History(t.Context(), saga.ID(a.Saga))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range history {
		if e.Kind == saga.KWithdrawn && e.By == "Alex" && e.Ground == "case 17" {
			return
		}
	}
	t.Error("nobody is named")
}

// TestADecisionThatMayBeRecordedIsNotDenied: with the disk in doubt there is no true answer,
// so that there is none; looking goes on as long as somebody is there.
func TestADecisionThatMayBeRecordedIsNotDenied(t *testing.T) {
	r := newRig(t, twoShares())
	d := r.desk()
	r.fatal = true
	r.stop()
	r.start()
	eventually(t, "ready", func() bool { return r.orch.Ready() == nil })
	r.store.set(func(storage.Batch) error { return errDisk })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	done, err := d.o.Operate(ctx, events.Operation{Verb: events.OpHold, Realm: "main", UserID: "ada", By: "Alex", Ground: "case 17"})
	var told *bus.ProblemError
	if err == nil || errors.As(err, &told) {
		t.Errorf("told %+v, %v", done, err)
	}
	if err := <-r.ended; !errors.Is(err, errDisk) {
		t.Errorf("it ended with %v", err)
	}
}
