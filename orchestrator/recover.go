package orchestrator

import (
	"context"
	"errors"
	"fmt"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// recover reads what a start needs: the last log number, the sagas that are under way with
// their timers, the outbox, and the data keys that nobody needs any more.
func (o *Orchestrator) recover(ctx context.Context) error {
	var err error
	if o.log, err = o.cfg.Store.LastLog(ctx); err != nil {
		return fmt.Errorf("last log number: %w", err)
	}
	if err := o.recoverSagas(ctx); err != nil {
		return err
	}
	var out []storage.Message
	for m, err := range o.cfg.Store.Outbox(ctx) {
		if err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
		out = append(out, m)
	}
	o.relay.add(out)
	return nil
}

// recoverSagas sets the clock. A damaged saga stops alone, loudly; its data key is kept,
// since nobody can say that it has ended.
func (o *Orchestrator) recoverSagas(ctx context.Context) error {
	damaged := 0
	for s, err := range o.cfg.Store.Live(ctx) {
		if err != nil {
			damaged++
			o.metrics.faults.Inc()
			o.logger.ErrorContext(ctx, "damaged saga; it stands still until an operator mends it", "error", err)
			continue
		}
		o.live.set(s)
		// Due at once: permits are counted anew, and every wake-up is derived again.
		o.again = append(o.again, s.ID)
	}
	if damaged > 0 {
		o.logger.WarnContext(ctx, "data keys are not swept while sagas are damaged", "damaged", damaged)
		return nil
	}
	swept, err := o.cfg.Keys.Sweep(o.live.has)
	if err != nil {
		return fmt.Errorf("sweep data keys: %w", err)
	}
	if swept > 0 {
		o.logger.InfoContext(ctx, "data keys that no saga under way needs are destroyed", "count", swept)
	}
	return nil
}

// wakeAll tells every saga that was under way that the orchestrator was started anew.
func (o *Orchestrator) wakeAll(ctx context.Context) {
	ids := o.again
	o.again = nil
	for _, id := range ids {
		if !o.tryWake(ctx, id, saga.Recovered{}) {
			return
		}
	}
}

// plan returns a plan by digest: a configured one, or one that a running saga is bound to.
func (o *Orchestrator) plan(ctx context.Context, digest string) (saga.Plan, error) {
	if p, ok := o.plans.get(digest); ok {
		return p, nil
	}
	p, err := o.cfg.Store.Plan(ctx, digest)
	if err != nil {
		return saga.Plan{}, err
	}
	if p.Digest() != digest {
		return saga.Plan{}, errors.Join(storage.ErrDamaged, fmt.Errorf("plan %s has another digest", digest))
	}
	o.plans.put(digest, p)
	return p, nil
}
