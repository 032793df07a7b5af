package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// access says how a command reaches the bus as a source.
type access struct {
	line
	source string
}

func (a *access) flags(c *cobra.Command, w world) {
	flagOrEnv(c, w, &a.source, "source", "EXPUNGE_SOURCE", "demo", "source in whose name to ask")
	a.line.flags(c, w, "the source", "EXPUNGE_NATS")
}

// session is a connection as a source.
type session struct {
	nc      *nats.Conn
	client  *bus.Client
	source  string
	url     string
	timeout time.Duration
}

func (a *access) connect(ctx context.Context) (*session, error) {
	if err := bus.CheckName(a.source); err != nil {
		return nil, withCode(exitUsage, fmt.Errorf("source: %w", err))
	}
	nc, err := a.dial(ctx, a.source)
	if err != nil {
		return nil, err
	}
	s, err := newSession(nc, a.source)
	if err != nil {
		nc.Close()
		return nil, err
	}
	s.url, s.timeout = a.url, a.timeout
	return s, nil
}

func newSession(nc *nats.Conn, source string) (*session, error) {
	client, err := bus.NewClient(nc, source)
	if err != nil {
		return nil, err
	}
	return &session{nc: nc, client: client, source: source, timeout: 10 * time.Second}, nil
}

func (s *session) close() { s.nc.Close() }

// ask runs one exchange within the timeout.
func ask[P any](ctx context.Context, s *session, exchange func(context.Context) (P, error)) (P, error) {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answer, err := exchange(limited)
	return answer, s.explain(err)
}

// explain says what an answer, or none, means to who typed the command.
func (s *session) explain(err error) error {
	var problem *bus.ProblemError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problem) && problem.Problem.Code == events.CodeUnknown:
		return advise(err, "source %s sees its own sagas only; another one is chosen with --source", s.source)
	case errors.As(err, &problem):
		return err
	case errors.Is(err, bus.ErrNoAnswer):
		return withCode(exitNoAnswer, advise(err, "the orchestrator is away, or does not know source %s", s.source))
	case errors.Is(err, context.DeadlineExceeded):
		return withCode(exitNoAnswer, advise(fmt.Errorf("no answer in %s: %w", s.timeout, err), "is the orchestrator running, and may this connection speak for source %s?", s.source))
	}
	return err
}

// events delivers the lifecycle events of the source from now on, until ctx ends.
func (s *session) events(ctx context.Context) (<-chan events.Event, error) {
	raw := make(chan *nats.Msg, 256)
	sub, err := s.nc.ChanSubscribe(events.SubjectEvent("*", s.source), raw)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.nc.FlushWithContext(limited); err != nil {
		return nil, errors.Join(err, sub.Unsubscribe())
	}
	out := make(chan events.Event)
	go func() {
		defer close(out)
		defer func() { _ = sub.Unsubscribe() }() // the connection may be closed already
		for {
			select {
			case <-ctx.Done():
				return
			case m := <-raw:
				_, e, err := events.Decode[events.Event](events.Header(m.Header), m.Data)
				if err != nil {
					continue // of a later version: the status tells it too
				}
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out, nil
}

// follow asks for the status again and again and shows each answer, until enough says so.
// While nobody answers it goes on asking: an orchestrator that restarts takes the saga up.
func (s *session) follow(ctx context.Context, saga string, every time.Duration, show func(events.Status), enough func(events.Status) bool) (events.Status, error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		st, err := ask(ctx, s, func(ctx context.Context) (events.Status, error) { return s.client.Status(ctx, saga) })
		var problem *bus.ProblemError
		switch {
		case errors.As(err, &problem) && problem.Problem.Code != events.CodeBusy:
			return st, err
		case err == nil:
			show(st)
			if enough(st) {
				return st, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return st, ctx.Err()
		}
	}
}
