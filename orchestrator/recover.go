package orchestrator

import (
	"context"
	"errors"
	"fmt"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// recover reads what a start needs: the last log number, the sagas that are under way, and
// what earlier starts left.
func (o *Orchestrator) recover(ctx context.Context) error {
	o.started = o.cfg.Now()
	if err := o.recoverLog(ctx); err != nil {
		return err
	}
	if err := o.recoverClock(ctx); err != nil {
		return err
	}
	if err := o.recoverHolds(ctx); err != nil {
		return err
	}
	if err := o.recoverBrakes(func(key string) ([]byte, error) { return o.cfg.Store.Meta(ctx, key) }); err != nil {
		return err
	}
	if err := o.recoverSagas(ctx); err != nil {
		return err
	}
	if err := o.recoverRecovery(ctx); err != nil {
		return err
	}
	return o.recoverMarks(ctx)
}

// recoverOutbox takes up what was not sent, once it is known from where numbers count. What
// the bus has of it is not sent again: under a new number an old decision would come after
// those that were made since. A damaged row is lost, loudly, and none other.
func (o *Orchestrator) recoverOutbox(ctx context.Context) error {
	var out []storage.Message
	for m, err := range o.cfg.Store.Outbox(ctx) {
		switch {
		case errors.Is(err, storage.ErrDamaged):
			o.metrics.faults.Inc()
			o.logger.ErrorContext(ctx, "damaged message; it is not sent", "error", err)
		case err != nil:
			return fmt.Errorf("outbox: %w", err)
		case o.out[m.MsgID]:
			o.relay.addSent(m)
		default:
			out = append(out, o.renumber(m))
		}
	}
	o.out = nil
	o.relay.addOld(out)
	return nil
}

// renumber has a message carry the number of its batch as that counts since the store was
// put back. Under the old one it would be overlooked by a younger backup that is put back
// later: to that one it came before.
func (o *Orchestrator) renumber(m storage.Message) storage.Message {
	if o.ahead == 0 {
		return m
	}
	env, p, err := events.DecodeAny(m.Header, m.Data)
	if err != nil {
		return m
	}
	env.Log = o.logOnBus(m.Key.Log)
	if again, err := events.Encode(env, p); err == nil {
		m.Header = again.Header // and the data as they were: a summary's bytes are built once
	}
	return m
}

// recoverSagas finds what is under way. A damaged saga stops alone, loudly; its data key
// is kept, since nobody can say that it has ended.
func (o *Orchestrator) recoverSagas(ctx context.Context) error {
	for s, err := range o.cfg.Store.Live(ctx) {
		if err == nil {
			o.live.set(s)
			if p, err := o.plan(ctx, s.Plan); err == nil { // or its first input says so
				o.owners.set(s, p, o.realmOf(s))
			}
			o.restarted[s.ID] = true
			o.again = append(o.again, s.ID)
			if s.Unsealed() {
				o.unsealed = append(o.unsealed, s.ID)
			}
			continue
		}
		if !errors.Is(err, storage.ErrDamaged) {
			return fmt.Errorf("sagas under way: %w", err)
		}
		o.metrics.faults.Inc()
		o.logger.ErrorContext(ctx, "damaged saga; it stands still until an operator mends it", "error", err)
		hurt, ok := errors.AsType[*storage.DamagedError](err)
		if !ok || hurt.Saga == "" {
			o.nameless = true
			continue
		}
		o.damaged[hurt.Saga] = true
		o.live.hurt(hurt.Saga)
	}
	if err := o.audit(ctx); err != nil {
		return err
	}
	if o.nameless {
		o.logger.WarnContext(ctx, "data keys of unknown sagas are kept: a damaged saga does not tell its id")
	}
	return o.recoverKeys(ctx)
}

// wakeAll wakes every saga that was under way; the first input of each is preceded by the
// news of the restart, see batch.load.
func (o *Orchestrator) wakeAll(ctx context.Context) {
	ids := o.again
	o.again = nil
	for _, id := range ids {
		if !o.tryWake(ctx, id) {
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
