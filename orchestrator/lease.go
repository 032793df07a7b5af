package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/storage"
)

// The meta keys of an orchestrator's identity.
const (
	metaInstance   = "instance"    // made at the first start; a restored store gets a new one
	metaGeneration = "generation"  // the highest that was ever used
	metaQuiet      = "quiet_until" // nothing is granted before: the bus was another's
	metaOutlived   = "outlived"    // a younger copy of the store has held the bus; empty: dealt with
)

// errNoLease is errBusy for a reason: whoever does not hold the bus takes nothing in.
var errNoLease = fmt.Errorf("%w: the bus is not held", errBusy)

// acquire takes the bus for this store. The error wraps a *bus.HeldError if it is another's.
func (o *Orchestrator) acquire(ctx context.Context) error {
	cfg := o.lending
	cfg.TakeOver, cfg.Record, cfg.Logger = o.cfg.TakeOver, o.recordGeneration, o.logger
	var err error
	if cfg.Instance, err = o.instance(ctx); err != nil {
		return err
	}
	if cfg.Generation, err = o.lastGeneration(ctx); err != nil {
		return err
	}
	l, err := bus.AcquireLease(ctx, o.cfg.Conn, cfg)
	if err != nil {
		return err
	}
	o.lease.Store(l)
	if o.outlived, err = o.isOutlived(ctx); err != nil {
		return err
	}
	o.logger.InfoContext(ctx, "the bus is held", "instance", cfg.Instance, "generation", l.Generation())
	return o.beQuiet(ctx, l.From())
}

// holds reports whether nobody else can hold the bus now. It is asked before whatever only
// the one orchestrator of a bus may do: each batch, answer and publish.
func (o *Orchestrator) holds() bool { return o.held() }

func (o *Orchestrator) leased() bool {
	l := o.lease.Load()
	return l != nil && l.Valid()
}

// generation is that of the lease; commands and permits carry it.
func (o *Orchestrator) generation() uint64 {
	if l := o.lease.Load(); l != nil {
		return l.Generation()
	}
	return 0
}

// instance returns the id that stays with the store, and gives a new store one.
func (o *Orchestrator) instance(ctx context.Context) (string, error) {
	id, err := o.cfg.Store.Meta(ctx, metaInstance)
	if err == nil {
		return string(id), nil
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return "", fmt.Errorf("instance of the store: %w", err)
	}
	fresh, err := newID()
	if err != nil {
		return "", err
	}
	return fresh, o.note(ctx, map[string][]byte{metaInstance: []byte(fresh)})
}

func (o *Orchestrator) lastGeneration(ctx context.Context) (uint64, error) {
	v, err := o.cfg.Store.Meta(ctx, metaGeneration)
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("last generation: %w", err)
	}
	g, err := strconv.ParseUint(string(v), 10, 64)
	if err != nil {
		return 0, errors.New("last generation: is not a number")
	}
	return g, nil
}

func (o *Orchestrator) isOutlived(ctx context.Context) (bool, error) {
	v, err := o.cfg.Store.Meta(ctx, metaOutlived)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("meta %s: %w", metaOutlived, err)
	}
	return len(v) > 0, nil
}

// recordGeneration makes durable, together, that a generation is used and that the bus was
// another's, or a younger copy's: a process that dies after it took the bus is as careful at
// its next start.
func (o *Orchestrator) recordGeneration(ctx context.Context, generation uint64, from *bus.Holder) error {
	last, err := o.lastGeneration(ctx)
	if err != nil {
		return err
	}
	meta := map[string][]byte{metaGeneration: strconv.AppendUint(nil, generation, 10)}
	if from == nil && generation > last+1 {
		meta[metaOutlived] = []byte("yes")
	}
	if from != nil {
		wait, err := o.quietTime(ctx)
		if err != nil {
			return err
		}
		meta[metaQuiet] = o.cfg.Now().Add(wait).AppendFormat(nil, time.RFC3339Nano)
	}
	return o.note(ctx, meta)
}

// quietTime is how long permits may be alive that another orchestrator granted: its lease
// ran out, and then the longest permit. Of its plans nothing is known but ours.
func (o *Orchestrator) quietTime(ctx context.Context) (time.Duration, error) {
	longest := time.Duration(0)
	for _, p := range o.cfg.Plans {
		longest = max(longest, p.Permit+p.Margin)
	}
	for s, err := range o.cfg.Store.Live(ctx) {
		if errors.Is(err, storage.ErrDamaged) {
			continue // it stands still, and was told of
		}
		if err != nil {
			return 0, fmt.Errorf("sagas under way: %w", err)
		}
		p, err := o.plan(ctx, s.Plan)
		if err != nil {
			return 0, fmt.Errorf("plan of saga %s: %w", s.ID, err)
		}
		longest = max(longest, p.Permit+p.Margin)
	}
	return o.leaseLife() + longest, nil
}

func (o *Orchestrator) leaseLife() time.Duration {
	if o.lending.Life == 0 {
		return bus.LeaseLife
	}
	return o.lending.Life
}

// beQuiet keeps grants back after a take-over, also one of an earlier start. A wall clock
// that was set back meanwhile does not make the wait longer than it ever is.
func (o *Orchestrator) beQuiet(ctx context.Context, from *bus.Holder) error {
	v, err := o.cfg.Store.Meta(ctx, metaQuiet)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("time of the take-over: %w", err)
	}
	until, err := time.Parse(time.RFC3339Nano, string(v))
	if err != nil {
		return errors.New("time of the take-over: is not a time")
	}
	wait, err := o.quietTime(ctx)
	if err != nil {
		return err
	}
	now := o.cfg.Now()
	if longest := now.Add(wait); from != nil || until.After(longest) {
		until = longest
	}
	if until.After(now) {
		o.bars.waitUntil(until)
		o.logger.WarnContext(ctx, "nothing is granted until permits of the orchestrator before this one are dead", "until", until)
	}
	return nil
}
