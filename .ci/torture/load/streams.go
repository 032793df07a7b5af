package load

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/torture/stage"
)

// streams connects with the orchestrator's own key, past every proxy: only it may look at
// streams.
func (d *Driver) streams(ctx context.Context) (*nats.Conn, jetstream.JetStream, error) {
	nc, err := bus.Connect(bus.Config{URL: d.stage.DirectURL, Name: "torture checker", NKeySeedFile: d.stage.Seed("orchestrator")})
	if err != nil {
		return nil, nil, err
	}
	if err := bus.WaitConnected(ctx, nc); err != nil {
		nc.Close()
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	return nc, js, err
}

// drained returns when no stored request waits.
func (d *Driver) drained(ctx context.Context) error {
	nc, js, err := d.streams(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	for _, name := range requestStreams {
		for {
			n, err := waiting(ctx, js, name)
			if err == nil && n == 0 {
				break
			}
			if e := pause(ctx, 200*time.Millisecond); e != nil {
				return fmt.Errorf("stream %s still holds %d requests: %w", name, n, e)
			}
		}
	}
	return nil
}

func waiting(ctx context.Context, js jetstream.JetStream, name string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := js.Stream(ctx, name)
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().State.Msgs, nil
}

// published reads every copy of a summary that the event stream holds.
func (d *Driver) published(ctx context.Context) error {
	for _, source := range []string{stage.Shop, stage.Desk} {
		err := d.stored(ctx, events.SubjectSummary(source), func(m jetstream.Msg) { d.client(source).ended(m.Data()) })
		if err != nil {
			return err
		}
	}
	return nil
}

// accepted reads which acceptances the event stream holds, and for which sagas.
func (d *Driver) accepted(ctx context.Context) error {
	for _, source := range []string{stage.Shop, stage.Desk} {
		err := d.stored(ctx, events.SubjectEvent(events.KindAccepted, source), func(m jetstream.Msg) {
			if _, e, err := events.Decode[events.Event](events.Header(m.Headers()), m.Data()); err == nil {
				d.book.Accepted(e.CorrelationID, e.Saga, e.Request)
				d.book.Told(e.CorrelationID, e.Request)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stored calls f with every message of a subject that the event stream holds.
func (d *Driver) stored(ctx context.Context, subject string, f func(jetstream.Msg)) error {
	nc, js, err := d.streams(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	c, err := js.OrderedConsumer(ctx, events.StreamEvents, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	if err != nil {
		return err
	}
	info, err := c.Info(ctx)
	if err != nil {
		return err
	}
	for range info.NumPending {
		m, err := c.Next(jetstream.FetchMaxWait(10 * time.Second))
		if err != nil {
			return fmt.Errorf("read %s: %w", subject, err)
		}
		f(m)
	}
	return nil
}
