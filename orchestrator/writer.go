package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/storage"
)

const (
	batchLimit = 512                    // jobs in one commit
	queueSize  = 4 * batchLimit         // jobs that wait
	sentLater  = 500 * time.Millisecond // how long a sent message may stay in the outbox for want of another commit
)

// write is the ordered writer: it takes what waits, passes it through the core, commits it
// in one transaction, and only then answers and publishes. It returns when ctx ends, after
// what it took is answered, or with the error that leaves the store unusable.
func (o *Orchestrator) write(ctx context.Context) error {
	var flush <-chan time.Time // nil: nothing was sent since the last flush
	for {
		var jobs []job
		select {
		case <-ctx.Done():
			return o.writeLast()
		case j := <-o.jobs:
			jobs = o.waiting(j)
		case <-o.relay.pivots:
		case <-o.relay.dirty:
			if flush == nil {
				flush = time.After(sentLater)
			}
			continue
		case <-flush:
			flush = nil
		}
		if err := o.commit(context.WithoutCancel(ctx), jobs); err != nil {
			o.turnAway()
			return err
		}
	}
}

// turnAway answers what waits for a writer that has failed: nothing of it was recorded.
func (o *Orchestrator) turnAway() {
	for {
		select {
		case j := <-o.jobs:
			j.finish(answer{err: errBusy})
		default:
			return
		}
	}
}

// waiting returns first and what else is there, up to a full batch.
func (o *Orchestrator) waiting(first job) []job {
	jobs := append(make([]job, 0, 1+len(o.jobs)), first)
	for len(jobs) < batchLimit {
		select {
		case j := <-o.jobs:
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

// writeLast commits what is still in the queue at a stop.
func (o *Orchestrator) writeLast() error {
	for {
		select {
		case j := <-o.jobs:
			if err := o.commit(context.Background(), o.waiting(j)); err != nil {
				return err
			}
		default:
			return o.commit(context.Background(), nil) // the messages that were sent
		}
	}
}

// commit is one group commit.
func (o *Orchestrator) commit(ctx context.Context, jobs []job) error {
	jobs = o.ifHeld(aside(jobs))
	b := o.newBatch(ctx)
	for _, j := range jobs {
		b.take(j)
	}
	b.noteSent()
	if b.empty() {
		o.forgetRestart(b)
		b.answer()
		return nil
	}
	b.expire()
	b.tick()
	began := time.Now()
	err := o.store(b)
	o.metrics.commitSeconds.Observe(time.Since(began).Seconds())
	o.metrics.commitJobs.Observe(float64(len(jobs)))
	hurt, damaged := errors.AsType[*storage.DamagedError](err)
	switch {
	case errors.Is(err, storage.ErrFull):
		o.full(b, err)
		return nil
	case damaged && hurt.Saga != "" && !o.damaged[hurt.Saga]:
		o.stopAlone(b, hurt)
		return o.commit(ctx, jobs)
	case err != nil:
		b.fail(errUnknown)
		return fmt.Errorf("commit %d: %w", b.log, err)
	}
	return o.committed(b)
}

// aside does what is to be done between two batches, and returns the other jobs.
func aside(jobs []job) []job {
	return slices.DeleteFunc(jobs, func(j job) bool {
		if j.aside == nil {
			return false
		}
		j.finish(answer{err: j.aside()})
		return true
	})
}

// ifHeld is all jobs while the bus is held. Otherwise nobody may be told anything, and
// none is taken in.
func (o *Orchestrator) ifHeld(jobs []job) []job {
	if o.holds() {
		return jobs
	}
	for _, j := range jobs {
		j.finish(answer{err: errNoLease})
	}
	return nil
}

// store makes the batch durable: first its data keys, then the transaction. A key whose
// transaction never comes is an orphan, and swept at the next start.
func (o *Orchestrator) store(b *batch) error {
	if err := b.seal(); err != nil {
		return err
	}
	out, err := b.build()
	if err != nil {
		return err
	}
	return o.cfg.Store.Commit(b.ctx, out)
}

// full gives the batch up: nothing was changed, everybody is told to come again.
func (o *Orchestrator) full(b *batch, err error) {
	o.logger.Error("no space left on the device; nothing is accepted until there is", "error", err)
	o.metrics.full.Inc()
	o.isFull.Store(true)
	o.giveUp(b)
	b.fail(errBusy)
}

// stopAlone takes a damaged saga out of service; the batch is made again without it.
func (o *Orchestrator) stopAlone(b *batch, hurt *storage.DamagedError) {
	o.logger.Error("damaged saga; it stands still until an operator mends it", "saga", string(hurt.Saga), "error", hurt)
	o.damaged[hurt.Saga] = true
	o.cache.forget(hurt.Saga)
	o.clock.forget(hurt.Saga)
	o.live.hurt(hurt.Saga)
	o.giveUp(b)
}

// giveUp takes back what a batch did outside of the transaction that never was.
func (o *Orchestrator) giveUp(b *batch) {
	o.relay.putBack(b.acked)
	if err := o.cfg.Keys.Destroy(b.created...); err != nil {
		o.logger.Warn("data keys of a batch that was given up stay until the next start", "error", err)
	}
}

// committed is everything that a commit permits: the cache, timers, answers, messages and
// the destruction of data keys whose saga ended.
func (o *Orchestrator) committed(b *batch) error {
	o.log = b.log
	if b.brakes != nil {
		o.brakes = *b.brakes
	}
	o.takeHolds(b)
	if b.out.Meta[metaTick] != nil {
		o.ticked = b.now
	}
	o.isFull.Store(false)
	o.forgetRestart(b)
	for _, id := range b.order {
		l := b.sagas[id]
		o.cache.put(l.state)
		o.live.set(l.state)
		o.owners.set(l.state, l.plan, o.realmOf(l.state))
		if at, ok := l.state.Wake(l.plan, b.now); ok {
			o.clock.set(id, at)
		} else {
			o.clock.forget(id)
		}
	}
	if !b.out.Expire.IsZero() {
		o.expired = b.now
	}
	if o.holds() {
		b.answer()
	} else {
		b.fail(errUnknown)
	}
	o.relay.add(b.out.Outbox)
	if b.sweep != nil {
		b.sweep()
	}
	if err := o.cfg.Keys.Destroy(b.ended...); err != nil {
		return fmt.Errorf("data keys of ended sagas are not destroyed, the next start does it: %w", err)
	}
	return nil
}

// forgetRestart notes that sagas have been told of the restart.
func (o *Orchestrator) forgetRestart(b *batch) {
	for _, id := range b.told {
		delete(o.restarted, id)
	}
}

// keysExpire is how often idempotency keys that are past their time are dropped.
const keysExpire = time.Hour

// expire drops what is over, unless the clock is in doubt: what only seems to be over, as a
// hold or a key, would be gone for good.
func (b *batch) expire() {
	if b.o.trust.why() == "" && b.now.Sub(b.o.expired) >= keysExpire {
		b.out.Expire = b.now
		b.out.Released = append(b.out.Released, b.o.holdings.over(b.now)...)
	}
}

// answer gives every job its answer.
func (b *batch) answer() {
	for _, tell := range b.tell {
		tell()
	}
	for id, at := range b.rewake {
		b.o.clock.setIfNone(id, at)
	}
	for _, r := range b.replies {
		if r.ans.err != nil {
			b.o.logFault(r)
		}
		if len(r.after) == 0 {
			r.job.finish(r.ans)
			continue
		}
		b.o.relay.whenSent(r.after, announcePatience, func(taken bool) {
			r.job.finish(answer{payload: replicated(r.ans.payload, taken)})
		})
	}
}

// fail gives every job the same error.
func (b *batch) fail(err error) {
	for _, r := range b.replies {
		r.job.finish(answer{err: err})
	}
}

// logFault logs what an operator should know; a request that may come again is nobody's
// fault.
func (o *Orchestrator) logFault(r reply) {
	if errors.Is(r.ans.err, errBusy) {
		return
	}
	o.metrics.faults.Inc()
	o.logger.Error("input not taken", "saga", string(r.job.id()), "error", r.ans.err)
}

// busy is the answer to whoever may ask again.
func busy() events.Problem {
	return events.Problem{Code: events.CodeBusy, Detail: "nothing was recorded; ask again in a moment"}
}
