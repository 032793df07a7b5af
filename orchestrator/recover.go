package orchestrator

import (
	"context"
	"errors"
	"fmt"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// recover reads what a start needs: the last log number, the sagas that are under way with
// their timers, the outbox, and the data keys that nobody needs any more.
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
	nameless := false
	for s, err := range o.cfg.Store.Live(ctx) {
		if err == nil {
			o.live.set(s)
			o.restarted[s.ID] = true
			o.again = append(o.again, s.ID)
			continue
		}
		if !errors.Is(err, storage.ErrDamaged) {
			return fmt.Errorf("sagas under way: %w", err)
		}
		o.metrics.faults.Inc()
		o.logger.ErrorContext(ctx, "damaged saga; it stands still until an operator mends it", "error", err)
		hurt, ok := errors.AsType[*storage.DamagedError](err)
		if !ok || hurt.Saga == "" {
			nameless = true
			continue
		}
		o.damaged[hurt.Saga] = true
		o.live.hurt(hurt.Saga)
	}
	if err := o.audit(ctx); err != nil {
		return err
	}
	if nameless {
		o.logger.WarnContext(ctx, "data keys are not swept: a damaged saga does not tell its id")
		return nil
	}
	return o.sweep(ctx)
}

// metaKeys is the meta key under which the store remembers which keys file is its own.
const metaKeys = "keys_file"

// sweep destroys the data keys that nobody needs, unless the keys file is another store's.
func (o *Orchestrator) sweep(ctx context.Context) error {
	own, err := o.cfg.Store.Meta(ctx, metaKeys)
	switch {
	case errors.Is(err, storage.ErrNotFound) && o.log == 0:
		return o.adopt(ctx) // a new store has nothing to sweep
	case err != nil:
		return fmt.Errorf("which keys file is the store's: %w", err)
	case string(own) != o.cfg.Keys.ID():
		return errors.New("the keys file is not this store's: look at the data directory and the volumes mounted there")
	}
	swept, err := o.cfg.Keys.Sweep(func(id saga.ID) bool { return o.live.has(id) || o.damaged[id] })
	if err != nil {
		return fmt.Errorf("sweep data keys: %w", err)
	}
	if swept > 0 {
		o.logger.InfoContext(ctx, "data keys that no saga under way needs are destroyed", "count", swept)
	}
	return nil
}

// adopt binds a new store to its keys file.
func (o *Orchestrator) adopt(ctx context.Context) error {
	if n := o.cfg.Keys.Len(); n > 0 {
		return fmt.Errorf("the store is new and the keys file holds the keys of %d erasures under way: put the database back, or remove the keys file to begin anew and lose them", n)
	}
	return o.note(ctx, map[string][]byte{metaKeys: []byte(o.cfg.Keys.ID())})
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
