package orchestrator

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

const (
	compareEvery = time.Minute
	compareRetry = time.Second
)

// unchecked is the number of no connection.
const unchecked = ^uint64(0)

// mayPublish reports whether the bus is held, and was compared with the marks since it was
// connected last: whatever is published moves a stream on, past the gap that would tell of
// a loss.
func (o *Orchestrator) mayPublish() bool {
	return o.checked.Load() == o.cfg.Conn.Stats().Reconnects && o.holds()
}

// compare looks whether the bus still has what it acknowledged. What it lost becomes owed,
// durably, before anything is published.
func (o *Orchestrator) compare(ctx context.Context, commit func(ctx context.Context, meta map[string][]byte) error) error {
	connection := o.cfg.Conn.Stats().Reconnects
	for _, stream := range []string{events.StreamEvents, events.StreamCommands} {
		now, err := bus.StreamMark(ctx, o.cfg.Conn, stream)
		if err != nil {
			return err
		}
		if o.marks.see(now) {
			o.metrics.losses.Inc()
			o.logger.ErrorContext(ctx, "the bus has lost messages that it had acknowledged; they are published again", "stream", stream)
		}
	}
	if err := o.marks.save(func(meta map[string][]byte) error { return commit(ctx, meta) }); err != nil {
		return fmt.Errorf("marks of the bus: %w", err)
	}
	o.checked.Store(connection)
	return nil
}

// watchBus compares after each connect, and every minute, when it also notes how far the
// bus has come, until ctx ends.
func (o *Orchestrator) watchBus(ctx context.Context) {
	up := o.cfg.Conn.StatusChanged(nats.CONNECTED)
	defer o.cfg.Conn.RemoveStatusListener(up)
	minute := time.NewTicker(compareEvery)
	defer minute.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-up:
			o.compareUntilDone(ctx)
		case <-minute.C:
			o.compareUntilDone(ctx)
			if err := o.notePoint(ctx); err != nil && ctx.Err() == nil {
				o.logger.WarnContext(ctx, "how far the bus has come is not noted", "error", err)
			}
		}
	}
}

func (o *Orchestrator) compareUntilDone(ctx context.Context) {
	for {
		limited, cancel := context.WithTimeout(ctx, publishPatience)
		err := o.compare(limited, o.learn)
		cancel()
		if err == nil || ctx.Err() != nil {
			return
		}
		o.logger.WarnContext(ctx, "the bus is not compared with what it acknowledged, so nothing is published; a missing stream is made at the next start", "error", err)
		sleep(ctx, compareRetry)
	}
}

// learn commits meta values through the writer.
func (o *Orchestrator) learn(ctx context.Context, meta map[string][]byte) error {
	_, err := o.ask(ctx, job{do: func(b *batch) error {
		for k, v := range meta {
			b.meta(k, v)
		}
		return nil
	}})
	return err
}

// notePoint notes how far the bus has everything.
func (o *Orchestrator) notePoint(ctx context.Context) error {
	_, err := o.ask(ctx, job{do: func(b *batch) error {
		log, at := o.relay.settled(o.log, b.now)
		points, err := o.marks.point(log, at)
		if err != nil {
			return err
		}
		b.meta(metaPoints, points)
		return nil
	}})
	return err
}

// noteSent takes the messages that are out from the outbox, and notes in the same
// transaction that the bus has acknowledged them.
func (b *batch) noteSent() {
	b.announce(b.o.relay.takeSent())
	if len(b.out.Sent) == 0 {
		return
	}
	v, err := b.o.marks.bytes()
	if err != nil {
		b.o.logger.Error("marks of the bus are not noted", "error", err)
		return
	}
	b.meta(metaMarks, v)
}
