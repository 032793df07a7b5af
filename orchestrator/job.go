package orchestrator

import (
	"context"
	"errors"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// job is one thing for the writer. Exactly one of its fields besides done is set.
type job struct {
	request *intake
	cancel  *cancellation
	claim   *claim
	report  *report
	wake    *wake
	dead    *storage.DeadLetter
	operate func(*batch) (events.Payload, error) // an operator's decision; it may run twice
	do      func(*batch) error                   // anything else that belongs into a batch; it may run twice
	aside   func() error                         // between two batches, also while the bus is not held: it records and says nothing
	done    func(answer)                         // called once, after the commit or when there is none; must not block
}

// answer is what became of a job. With err set nothing was recorded.
type answer struct {
	payload events.Payload
	err     error
}

// errUnknown means that the commit failed and nobody knows what is on the disk: there is no
// true answer, so a caller on the bus gets none and asks again.
var errUnknown = errors.New("it may have been recorded")

// errBusy means that nothing was recorded and the same may be asked again later.
var errBusy = errors.New("try again later")

// intake is a request that fits the configuration.
type intake struct {
	source       string
	realm        string
	plan         saga.Plan
	regime       string
	due          time.Duration
	request      events.Request
	items        []saga.Item
	cutOff       time.Time // of a narrow request; zero: none
	notBefore    time.Time // zero: at once
	key          string    // idempotency key before hashing; empty: none
	fingerprints []string  // keyed hashes of what is asked, newest version first
}

type cancellation struct {
	source string
	cancel events.Cancel
	saga   saga.ID
}

type claim struct {
	participant string
	claim       events.Claim
}

type report struct {
	participant string
	report      events.Report
}

type wake struct{ saga saga.ID }

// id is the saga that the job is about; empty for a request, which is looked up, and for
// a dead letter.
func (j job) id() saga.ID {
	switch {
	case j.cancel != nil:
		return j.cancel.saga
	case j.claim != nil:
		return saga.ID(j.claim.claim.Saga)
	case j.report != nil:
		return saga.ID(j.report.report.Saga)
	case j.wake != nil:
		return j.wake.saga
	}
	return ""
}

// finish answers the job, if anybody waits.
func (j job) finish(a answer) {
	if j.done != nil {
		j.done(a)
	}
}

// submit hands a job to the writer. It blocks while the queue is full, which is how the
// doors feel that the store is slow; the error is the context's or errStopped.
func (o *Orchestrator) submit(ctx context.Context, j job) error {
	select {
	case o.jobs <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-o.stopped:
		return errStopped
	}
}

var errStopped = errors.New("the orchestrator has stopped")

// ask hands a job to the writer and waits for its answer.
func (o *Orchestrator) ask(ctx context.Context, j job) (events.Payload, error) {
	a, err := o.hand(ctx, j)
	if err != nil {
		return nil, err
	}
	return o.stillHeld(a)
}

// hand is ask, whether the bus is held or not.
func (o *Orchestrator) hand(ctx context.Context, j job) (answer, error) {
	got := make(chan answer, 1)
	j.done = func(a answer) { got <- a }
	if err := o.submit(ctx, j); err != nil {
		return answer{}, err
	}
	select {
	case a := <-got:
		return a, nil
	case <-ctx.Done():
		return answer{}, ctx.Err()
	case <-o.stopped:
		select {
		case a := <-got:
			return a, nil
		default:
			return answer{}, errStopped
		}
	}
}

// stillHeld is the answer, unless the bus was lost on its way here: what was committed may
// not count any more.
func (o *Orchestrator) stillHeld(a answer) (events.Payload, error) {
	if a.err == nil && !o.holds() {
		return nil, errUnknown
	}
	return a.payload, a.err
}
