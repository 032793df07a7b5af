package orchestrator

import (
	"context"
	"errors"
	"fmt"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// ringAll rings once more for every step that is open: the bus has lost doorbells, or they
// were answered while nothing could be granted. A doorbell permits nothing, so that one too
// many does no harm, and the saga's history knows nothing of it.
func (o *Orchestrator) ringAll(ctx context.Context) {
	for _, id := range o.live.ids() {
		job := job{do: func(b *batch) error { return b.ringAgain(id) }}
		if o.submit(ctx, job) != nil {
			return
		}
	}
}

func (b *batch) ringAgain(id saga.ID) error {
	l, err := b.load(id)
	if errors.Is(err, storage.ErrDamaged) || errors.Is(err, storage.ErrNotFound) {
		return nil // it stands still, and was told of
	}
	if err != nil {
		return err
	}
	for i := range l.state.Shares {
		h := &l.state.Shares[i]
		for _, v := range saga.Verbs {
			if t := h.Step(v); t.Status == saga.Open {
				if err := b.doorbell(l, h.Name, v, t.Round); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// doorbell puts a command of the newest issue into the outbox again.
func (b *batch) doorbell(l *loaded, participant string, v saga.Verb, round int) error {
	id := fmt.Sprintf("%s.c%d.%s.%s", l.state.ID, l.state.Issues, participant, v)
	return b.message(l, events.SubjectCommand(participant), id, events.Command{
		Saga: string(l.state.ID), Participant: participant, Verb: events.Verb(v), Round: round, Issue: l.state.Issues,
		Generation: b.o.generation(), ClaimOn: events.SubjectClaim(participant, partition), ReportOn: events.SubjectReport(participant, partition)})
}
