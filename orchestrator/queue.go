package orchestrator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// queue puts a request behind the subject's live saga: into the saga that waits already,
// or into a new one. It begins in the transaction that ends the live one.
func (b *batch) queue(in *intake, live saga.State, keys []string) (events.Payload, error) {
	id, err := b.bySlot(saga.QueuedSlot(live.Subject))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return b.start(in, live.Subject, keys, true)
	case err != nil:
		return nil, err
	}
	l, err := b.load(id)
	if err != nil {
		return nil, err
	}
	if err := b.reseal(in, l); err != nil {
		return nil, err
	}
	if l.state.Halted != "" {
		// What it holds cannot be added to. That an operator must act is recorded.
		return busyBehind("cannot be read, see its status"), nil
	}
	a, err := b.join(in, l, keys)
	if a == nil && err == nil {
		return busyBehind("cannot be made to do more"), nil
	}
	return a, err
}

// busyBehind answers a request that cannot be queued. It is no error, which would undo that the
// live saga was sealed anew; nothing is lost by asking again.
func busyBehind(why string) events.Payload {
	return *problem(events.CodeBusy, "", "what waits behind the erasure under way "+why+"; nothing of this request was recorded")
}

// beginQueued starts the sagas whose way is free since this batch ended another.
func (b *batch) beginQueued() {
	for len(b.freed) > 0 {
		subject := b.freed[0]
		b.freed = b.freed[1:]
		if err := b.beginBehind(subject); err != nil {
			b.o.metrics.faults.Inc()
			b.o.logger.Error("a queued saga did not begin; it is tried again in a moment", "error", err)
			b.tell = append(b.tell, func() { b.o.beginLater(subject) })
		}
	}
}

// beginLater has the writer try again. A process that ends before does so at its next start.
func (o *Orchestrator) beginLater(subject string) {
	time.AfterFunc(retryWake, func() {
		_ = o.submit(context.Background(), job{do: func(b *batch) error { // its error is that nobody writes any more
			b.freed = append(slices.Clip(b.freed), subject)
			return nil
		}})
	})
}

func (b *batch) beginBehind(subject string) error {
	if live, err := b.bySlot(subject); err == nil && live != "" {
		return nil
	} else if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	id, err := b.bySlot(saga.QueuedSlot(subject))
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = b.input(id, saga.Begin{})
	return err
}

// bySlot returns which saga has a slot, as this batch sees it. storage.ErrNotFound.
func (b *batch) bySlot(slot string) (saga.ID, error) {
	id, seen := b.slots[slot]
	if !seen {
		return b.o.cfg.Store.BySlot(b.ctx, slot)
	}
	if id == "" {
		return "", storage.ErrNotFound
	}
	return id, nil
}

// occupy notes which slot a saga has after a step, and which it had.
func (b *batch) occupy(was, is saga.State) {
	before, after := was.Slot(), is.Slot()
	if before == after {
		return
	}
	if before != "" {
		b.occupied(before, "")
	}
	if after != "" {
		b.occupied(after, is.ID)
	}
	bound := was.Unbound && !is.Unbound // its place among those who ask by the same attributes is free
	if (is.Phase.Final() || bound) && !was.Queued && was.Subject != "" {
		b.freed = append(b.freed, was.Subject)
	}
}
