package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// takeRequests takes the stored requests of every source until ctx ends, and finishes
// those that it took.
func (o *Orchestrator) takeRequests(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for name := range o.cfg.Sources {
		sub, err := bus.NewRequestSubscriber(o.cfg.Conn, name, bus.SubscriberConfig{Logger: o.logger, CloseWait: drainPatience})
		if err != nil {
			stop() // those that were begun are joined
			return fmt.Errorf("requests of %s: %w", name, err)
		}
		messages, err := sub.Subscribe(ctx, sub.Topic())
		if err != nil {
			stop()
			return fmt.Errorf("requests of %s: %w", name, err)
		}
		all.Go(func() {
			for m := range messages {
				all.Go(func() { o.onStored(context.WithoutCancel(ctx), name, m) })
			}
			if err := sub.Close(); err != nil {
				o.logger.WarnContext(ctx, "requests under way are delivered again", "source", name, "error", err)
			}
		})
	}
	return nil
}

const (
	drainPatience = 10 * time.Second
	storePatience = 20 * time.Second // less than bus.AckWait
)

// onStored takes one stored request: commit, then overwrite, then acknowledge. If the
// process dies after the commit the request comes again, and its key finds the saga.
func (o *Orchestrator) onStored(ctx context.Context, source string, m *message.Message) {
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	d := bus.DeliveryOf(m)
	if err := o.accept(ctx, source, m, d); err != nil {
		if !errors.Is(err, errBusy) {
			o.logger.WarnContext(ctx, "stored request not taken; it comes again", "source", source, "error", err)
		}
		m.Nack()
		return
	}
	if !o.holds() {
		m.Nack() // its successor has not seen it
		return
	}
	if err := bus.DeleteSecurely(ctx, o.cfg.Conn, d.Stream, d.Sequence); err != nil {
		o.logger.WarnContext(ctx, "stored request not overwritten; it comes again", "source", source, "error", err)
		m.Nack()
		return
	}
	m.Ack()
}

// accept commits a stored request, or its dead letter.
func (o *Orchestrator) accept(ctx context.Context, source string, m *message.Message, d bus.Delivery) error {
	in, err := o.decodeStored(source, m, d)
	if err != nil {
		return o.dispose(ctx, source, m, err)
	}
	p, err := o.ask(ctx, job{request: in})
	if bad, ok := p.(events.Problem); ok && err == nil {
		if bad.Code == events.CodeBusy {
			return errBusy
		}
		return o.dispose(ctx, source, m, &events.FieldError{Field: bad.Field, Problem: bad.Detail})
	}
	return err
}

// dispose keeps the dead letter of a stored request that will never be served.
func (o *Orchestrator) dispose(ctx context.Context, source string, m *message.Message, fault error) error {
	o.metrics.deadLetters.WithLabelValues("requested").Inc()
	o.metrics.rejected.WithLabelValues(o.sourceLabel(source), events.CodeInvalid).Inc()
	dead := o.deadLetter("requested", o.sourceLabel(source), m.Payload, fault)
	o.logger.ErrorContext(ctx, "stored request refused; see its dead letter", "source", source, "error", fault)
	_, err := o.ask(ctx, job{dead: &dead})
	return err
}

func (o *Orchestrator) decodeStored(source string, m *message.Message, d bus.Delivery) (*intake, error) {
	if d.Poison != "" {
		return nil, &events.FieldError{Field: "header", Problem: d.Poison}
	}
	env, r, err := events.Decode[events.Request](bus.HeaderOf(m), m.Payload)
	if err != nil {
		return nil, err
	}
	key := envelopeKey(env)
	if key == "" {
		key = fmt.Sprintf("at:%s\x00%d\x00%d", d.Stream, d.Sequence, d.Stored.UnixNano())
	}
	in, bad := o.fit(source, r, key)
	if bad != nil {
		return nil, &events.FieldError{Field: bad.Field, Problem: bad.Detail}
	}
	return in, nil
}
