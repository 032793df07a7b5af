package participants

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// OverNATS returns the bus behind a connection of [bus.Connect]. The connection stays the
// caller's and must outlive Run.
func OverNATS(nc *nats.Conn) Bus { return natsBus{nc} }

type natsBus struct{ nc *nats.Conn }

// Commands implements [Bus]. The channel is closed only after the last ack was sent.
func (b natsBus) Commands(ctx context.Context, participant string, inFlight int) (<-chan Doorbell, error) {
	sub, err := bus.NewCommandSubscriber(b.nc, participant, bus.SubscriberConfig{Concurrency: inFlight})
	if err != nil {
		return nil, err
	}
	messages, err := sub.Subscribe(ctx, sub.Topic())
	if err != nil {
		return nil, err
	}
	out := make(chan Doorbell)
	go func() {
		defer close(out)
		for msg := range messages {
			out <- doorbellOf(msg)
		}
		_ = sub.Close() // what it could not wait for is delivered again
	}()
	return out, nil
}

func doorbellOf(msg *message.Message) Doorbell {
	d := Doorbell{Ack: func() { msg.Ack() }, Nak: func() { msg.Nack() }}
	if why := bus.DeliveryOf(msg).Poison; why != "" {
		d.Fault = &events.FieldError{Problem: why}
		return d
	}
	_, d.Command, d.Fault = events.Decode[events.Command](bus.HeaderOf(msg), msg.Payload)
	return d
}

// Ask implements [Bus].
func (b natsBus) Ask(ctx context.Context, subject string, e events.Envelope, m events.Payload) (events.Payload, error) {
	encoded, err := events.Encode(e, m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsendable, err)
	}
	answer, err := bus.Ask(ctx, b.nc, subject, encoded)
	var problem *bus.ProblemError
	switch {
	case errors.As(err, &problem):
		return problem.Problem, nil
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, fmt.Errorf("%w: %w", ErrUnsendable, err)
	}
	return answer, err
}
