package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Provision makes every stream and consumer of t, and brings the changeable settings of
// those that exist up to date. It is for the orchestrator's user alone. Repeating it
// changes nothing. It deletes nothing: the stream of a source that is no longer named
// stays until an operator removes it.
//
// The error is an [*IncompatibleError] when something on the bus has the name of ours and
// is made in a way that would break a promise. Everything that is wrong is reported at
// once; what is not wrong is still provisioned.
func Provision(ctx context.Context, nc *nats.Conn, t Topology) error {
	if err := t.validate(); err != nil {
		return fmt.Errorf("topology: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	var errs []error
	for _, cfg := range t.streams() {
		errs = append(errs, provisionStream(ctx, js, cfg))
	}
	for _, b := range t.bindings() {
		errs = append(errs, provisionConsumer(ctx, js, b))
	}
	return errors.Join(errs...)
}

// ProvisionControl makes the control stream alone, which [AcquireLease] needs: who does not
// hold the bus must not change the settings of anything else on it.
func ProvisionControl(ctx context.Context, nc *nats.Conn) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	return provisionStream(ctx, js, controlStream())
}

func provisionStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	s, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, want)
		return wrap(hint(err), "create stream %s", want.Name)
	}
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", want.Name, err)
	}
	have := s.CachedInfo().Config
	if err := streamDiffers(have, want); err != nil {
		return err
	}
	_, err = js.UpdateStream(ctx, want)
	return wrap(hint(err), "update stream %s", want.Name)
}

func provisionConsumer(ctx context.Context, js jetstream.JetStream, b binding) error {
	c, err := js.PushConsumer(ctx, b.stream, b.consumer)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		_, err = js.CreatePushConsumer(ctx, b.stream, b.config())
		return wrap(err, "create consumer %s of %s", b.consumer, b.stream)
	case errors.Is(err, jetstream.ErrNotPushConsumer):
		return &IncompatibleError{Stream: b.stream, Consumer: b.consumer, Field: "deliver_subject", Have: "none", Want: b.deliver}
	case err != nil:
		return fmt.Errorf("look up consumer %s of %s: %w", b.consumer, b.stream, err)
	}
	if err := consumerDiffers(b, c.CachedInfo().Config); err != nil {
		return err
	}
	_, err = js.UpdatePushConsumer(ctx, b.stream, b.config())
	return wrap(err, "update consumer %s of %s", b.consumer, b.stream)
}

// wrap is nil for a nil err, unlike fmt.Errorf.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// codeNoRoom is how a server says that its streams would set aside more than it may use.
const codeNoRoom jetstream.ErrorCode = 10047

func hint(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == codeNoRoom {
		return fmt.Errorf("%w: free disk space, raise the server's max_file_store, or lower the limits of the streams", err)
	}
	return err
}
