package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

const (
	upkeepEvery = time.Hour
	pruneAtOnce = 256  // sagas in one batch
	auditLimit  = 1000 // sagas whose history is folded at a start
)

// compacter is a store that can give space back to the file system while it is at work.
type compacter interface {
	Compact(ctx context.Context) error
}

// keepUp prunes and compacts the store, and sweeps its data keys, until ctx ends.
func (o *Orchestrator) keepUp(ctx context.Context) {
	look := time.NewTicker(upkeepEvery)
	defer look.Stop()
	compacted := o.cfg.Now()
	for {
		if err := o.prune(ctx); err != nil && ctx.Err() == nil {
			o.logger.WarnContext(ctx, "finished sagas are not pruned; it is tried again in an hour", "error", err)
		}
		if err := o.sweepLate(ctx); err != nil && ctx.Err() == nil {
			o.logger.WarnContext(ctx, "data keys of sagas that have ended are not swept; it is tried again in an hour", "error", err)
		}
		if every := o.cfg.CompactEvery; every > 0 && o.cfg.Now().Sub(compacted) >= every {
			o.compact(ctx)
			compacted = o.cfg.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

func (o *Orchestrator) compact(ctx context.Context) {
	c, can := o.cfg.Store.(compacter)
	if !can {
		return
	}
	began := time.Now()
	if err := c.Compact(ctx); err != nil {
		o.logger.WarnContext(ctx, "the store is not compacted; it goes on as it is", "error", err)
		return
	}
	o.logger.InfoContext(ctx, "the store is compacted", "seconds", time.Since(began).Seconds())
}

// prune takes the records away of sagas that ended before the retention. Their ids tell
// when they began, so that it stops at the first that is too young. While the clock is in
// doubt nobody knows how old they are.
func (o *Orchestrator) prune(ctx context.Context) error {
	if o.cfg.Retention == 0 || o.trust.why() != "" {
		return nil
	}
	before := o.cfg.Now().Add(-o.cfg.Retention)
	var old []saga.ID
	for id, err := range o.cfg.Store.Finished(ctx, "") {
		if err != nil && !errors.Is(err, storage.ErrDamaged) {
			return err
		}
		if err != nil {
			continue
		}
		if begun, ok := begunAt(id); ok && !begun.Before(before) {
			break
		}
		s, err := o.cfg.Store.Load(ctx, id)
		if err != nil || !s.Ended.Before(before) {
			continue // a damaged one stays for an operator to look at
		}
		if old = append(old, id); len(old) == pruneAtOnce {
			if err := o.pruneThese(ctx, old); err != nil {
				return err
			}
			old = nil
		}
	}
	return o.pruneThese(ctx, old)
}

func (o *Orchestrator) pruneThese(ctx context.Context, ids []saga.ID) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := o.ask(ctx, job{do: func(b *batch) error {
		b.out.Prune = append(b.out.Prune, ids...)
		return nil
	}})
	if err == nil {
		o.metrics.pruned.Add(float64(len(ids)))
	}
	return err
}

// begunAt is the time within a UUIDv7.
func begunAt(id saga.ID) (time.Time, bool) {
	u, err := uuid.Parse(string(id))
	if err != nil || u.Version() != 7 {
		return time.Time{}, false
	}
	return time.Unix(u.Time().UnixTime()), true
}

// audit folds the histories of the sagas that moved last, and takes those out of service
// whose state is not what their history says.
func (o *Orchestrator) audit(ctx context.Context) error {
	_, faults, err := storage.Audit(ctx, o.cfg.Store, auditLimit)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for _, f := range faults {
		if f.Saga == "" || o.damaged[f.Saga] {
			continue // told already
		}
		o.metrics.faults.Inc()
		o.logger.ErrorContext(ctx, "damaged saga; it stands still until an operator mends it", "saga", string(f.Saga), "error", f)
		o.damaged[f.Saga] = true
		delete(o.restarted, f.Saga)
		o.live.hurt(f.Saga)
	}
	return nil
}
