package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/expunge-io/expunge/events"
)

// ServiceConfig describes a service to those who list services (nats micro ls).
type ServiceConfig struct {
	Name        string // empty: expunge
	Version     string // semantic version; empty: 0.0.0
	Description string
	Logger      *slog.Logger // nil: discard
	Hooks       Hooks
}

func (c ServiceConfig) micro() micro.Config {
	cfg := micro.Config{Name: c.Name, Version: c.Version, Description: c.Description, QueueGroupDisabled: true}
	if cfg.Name == "" {
		cfg.Name = "expunge"
	}
	if cfg.Version == "" {
		cfg.Version = "0.0.0"
	}
	return cfg
}

// Endpoint is one request subject and who handles it.
type Endpoint struct {
	Name    string // [A-Za-z0-9_-]+, unique in the service; the label of its metrics
	Subject string // may hold wildcards
	Handler Handler
}

// Handler takes a call. The calls of one endpoint come one after the other, so it must not
// wait: it hands the call on and returns; whoever has it then calls [Call.Reply]. ctx ends
// when the service is stopped.
type Handler func(ctx context.Context, call Call)

// Service is a set of endpoints that are being served.
type Service struct {
	micro micro.Service
	end   context.CancelFunc
	once  sync.Once
	err   error
}

// Serve subscribes to all endpoints and returns once the server knows of them. A request is
// dropped, and counted, before its handler runs, unless its reply subject is one that the
// server itself made for a request out of another account, or an inbox in our own account:
// an answer to any other subject would be a publish with our rights on a subject of the
// asker's choice.
//
// The connection must be up: see [WaitConnected].
func Serve(nc *nats.Conn, cfg ServiceConfig, endpoints []Endpoint) (*Service, error) {
	svc, err := micro.AddService(nc, cfg.micro())
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	ctx, end := context.WithCancel(context.Background())
	s := &Service{micro: svc, end: end}
	for _, e := range endpoints {
		d := &door{nc: nc, endpoint: e, hooks: cfg.Hooks, log: orDiscard(cfg.Logger)}
		if err := svc.AddEndpoint(e.Name, micro.ContextHandler(ctx, d.handle), micro.WithEndpointSubject(e.Subject)); err != nil {
			return nil, errors.Join(fmt.Errorf("serve %s: %w", e.Name, err), s.Stop())
		}
	}
	if err := nc.FlushTimeout(publishWait); err != nil {
		return nil, errors.Join(fmt.Errorf("serve: %w", err), s.Stop())
	}
	return s, nil
}

// Stop takes no more calls. Those that were taken may still be answered while the
// connection lasts.
func (s *Service) Stop() error {
	s.once.Do(func() {
		s.end()
		s.err = wrap(s.micro.Stop(), "stop service")
	})
	return s.err
}

// door is one endpoint on its connection.
type door struct {
	nc       *nats.Conn
	endpoint Endpoint
	hooks    Hooks
	log      *slog.Logger
}

func (d *door) handle(ctx context.Context, r micro.Request) {
	if !mayAnswer(r.Reply()) {
		d.hooks.dropped(d.endpoint.Name)
		return
	}
	d.endpoint.Handler(ctx, Call{
		Subject: r.Subject(),
		Header:  events.Header(r.Headers()),
		Data:    r.Data(),
		reply:   r.Reply(),
		door:    d,
	})
}

// Reply subjects that are served. The server writes the first for every request that
// crosses accounts, and refuses it from a client; the second is where clients of our own
// account listen.
const (
	replyAcross = "_R_."
	replyWithin = "_INBOX."
)

func mayAnswer(reply string) bool {
	return strings.HasPrefix(reply, replyAcross) || strings.HasPrefix(reply, replyWithin)
}
