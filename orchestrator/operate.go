package orchestrator

import (
	"context"
	"errors"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// ErrNoBrake says that the brake is not on.
var ErrNoBrake = errors.New("this brake is not on")

// ReleaseBrake lets sagas pass their pivot again that a ceiling kept from it: those of one
// source, or, with "*", of all. Who decides and why is logged. [ErrNoBrake].
func (o *Orchestrator) ReleaseBrake(ctx context.Context, source, by, ground string) error {
	_, err := o.ask(ctx, job{operate: func(b *batch) (events.Payload, error) {
		if !b.releaseBrake(source) {
			return nil, ErrNoBrake
		}
		o.logger.WarnContext(ctx, "brake released", "brake", brakeName(source), "by", by, "ground", ground)
		return nil, nil
	}})
	if err != nil {
		return err
	}
	o.wakeBraked(ctx)
	return nil
}

// wakeBraked lets those sagas ask again that are kept from their pivot.
func (o *Orchestrator) wakeBraked(ctx context.Context) {
	for _, id := range o.live.braked() {
		if !o.tryWake(ctx, id) {
			return
		}
	}
}

// braked returns the sagas that a brake keeps from their pivot.
func (c *census) braked() (ids []saga.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range c.live {
		if s.braked {
			ids = append(ids, id)
		}
	}
	return ids
}
