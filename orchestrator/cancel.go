package orchestrator

import (
	"errors"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// cancel withdraws a request of a source.
func (b *batch) cancel(in *cancellation) (events.Payload, error) {
	from := len(b.out.Outbox)
	effects, err := b.input(in.saga, saga.CancelRequested{Request: in.cancel.Request, Source: in.source})
	if errors.Is(err, storage.ErrNotFound) {
		return *problem(events.CodeUnknown, "request", "no such request of this source"), nil
	}
	if err != nil {
		return nil, err
	}
	b.waitFor(from)
	for _, e := range effects {
		if a, ok := e.(saga.CancelAnswer); ok {
			return b.cancelAnswer(in, a), nil
		}
	}
	return nil, errors.New("a cancel without an answer")
}

func (b *batch) cancelAnswer(in *cancellation, a saga.CancelAnswer) events.Payload {
	out := events.Cancellation{Saga: string(in.saga), Request: in.cancel.Request, State: events.State(b.sagas[in.saga].state.Phase),
		Alive: alive(a.Alive), NotRestored: a.Ended, Replicated: b.allOut()}
	switch a.Result {
	case saga.CancelDone:
		out.Result = events.CancelledSaga
		return out
	case saga.CancelWithdrawn:
		out.Result = events.WithdrawnRequest
		return out
	case saga.CancelTooLate:
		return *problem(events.CodeTooLate, "request", "the erasure has passed the point of no return")
	case saga.CancelUnknown:
	}
	return *problem(events.CodeUnknown, "request", "no such request of this source")
}

// waitFor has the answer to the job under way wait until the bus has the messages that
// were added to the outbox since from: a decision that only this disk knows of might be
// lost with it.
func (b *batch) waitFor(from int) {
	for _, m := range b.out.Outbox[from:] {
		if isEvent(m.Subject) {
			b.await = append(b.await, m.Key)
		}
	}
}

// allOut reports whether the bus has everything: then it has a decision too that is only
// asked for again. Whatever this job itself decided is waited for, see waitFor.
func (b *batch) allOut() bool {
	n, _ := b.o.relay.depth()
	return n == 0 && len(b.out.Outbox) == 0
}

// replicated is an answer that says whether the bus has the decision.
func replicated(p events.Payload, taken bool) events.Payload {
	switch p := p.(type) {
	case events.Cancellation:
		p.Replicated = taken
		return p
	case events.Operated:
		p.Replicated = taken
		return p
	}
	return p
}
