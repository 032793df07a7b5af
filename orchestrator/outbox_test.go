package orchestrator_test

import (
	"slices"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// TestADoorbellIsCommittedWithTheStepThatItRingsFor: one without the other would leave a
// step that nobody hears of.
func TestADoorbellIsCommittedWithTheStepThatItRingsFor(t *testing.T) {
	r := newRig(t, twoShares())
	batches := make(chan storage.Batch, 1)
	r.store.set(func(b storage.Batch) error {
		if len(b.Sagas) > 0 {
			select {
			case batches <- b:
			default: // the first one is enough
			}
		}
		return nil
	})
	c, _ := r.client("billing")
	if _, err := c.Request(t.Context(), events.Request{UserID: person}); err != nil {
		t.Fatal(err)
	}
	b, opened := <-batches, 0
	for _, e := range b.Sagas[0].Entries {
		if e.Kind != saga.KOpened {
			continue
		}
		opened++
		rings := func(m storage.Message) bool { return m.Subject == events.SubjectCommand(e.Participant) }
		if !slices.ContainsFunc(b.Outbox, rings) {
			t.Errorf("%s of %s is open, and its doorbell is not in the outbox", e.Verb, e.Participant)
		}
	}
	if opened == 0 {
		t.Error("no step was opened")
	}
}

// TestAPivotIsAnnouncedAndMayBeActedOnInOneTransaction: its event leaves the outbox together
// with the entry that lets the erasing begin.
func TestAPivotIsAnnouncedAndMayBeActedOnInOneTransaction(t *testing.T) {
	r := newRig(t, twoShares())
	var event storage.MessageKey
	left := make(chan []storage.Change, 1)
	r.store.after(func(b storage.Batch) {
		for _, m := range b.Outbox {
			if m.Subject == events.SubjectEvent(events.KindErasing, "billing") {
				event = m.Key
			}
		}
		if event.Log > 0 && slices.Contains(b.Sent, event) {
			left <- b.Sagas
		}
	})
	r.heldBack("ada")
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	r.await(w, a.Saga)
	announced := func(e saga.Entry) bool { return e.Kind == saga.KAnnounced }
	if with := <-left; !slices.ContainsFunc(with, func(c storage.Change) bool { return slices.ContainsFunc(c.Entries, announced) }) {
		t.Error("the event left the outbox, and its saga was not told")
	}
}
