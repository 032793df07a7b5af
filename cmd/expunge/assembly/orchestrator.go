package assembly

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/api"
)

// Orchestrator is an orchestrator with its HTTP door.
type Orchestrator struct {
	*orchestrator.Orchestrator
	bus     *Bus
	conn    *nats.Conn
	door    net.Listener
	handler http.Handler
	log     *slog.Logger
}

// NewOrchestrator opens the HTTP address and begins to connect to the bus. It serves
// nothing until Run; Close it in any case.
func NewOrchestrator(cfg config.Config, home *Home, b *Bus, version string, log *slog.Logger) (*Orchestrator, error) {
	if !config.Loopback(cfg.HTTP.Listen) {
		return nil, fmt.Errorf("http: %s is not a loopback address: the API does not authenticate yet", cfg.HTTP.Listen)
	}
	var lc net.ListenConfig
	door, err := lc.Listen(context.Background(), "tcp", cfg.HTTP.Listen)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	o, err := newOrchestrator(cfg, home, b, version, log)
	if err != nil {
		return nil, errors.Join(err, door.Close())
	}
	o.door = door
	return o, nil
}

func newOrchestrator(cfg config.Config, home *Home, b *Bus, version string, log *slog.Logger) (*Orchestrator, error) {
	token, err := home.newToken()
	if err != nil {
		return nil, err
	}
	ours := b.ours
	ours.Name = "expunge orchestrator"
	nc, err := bus.Connect(ours)
	if err != nil {
		return nil, err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	topology := bus.Topology{Participants: cfg.Participants(), Sources: cfg.SourceNames(), Limits: cfg.NATS.Limits}
	o, err := orchestrator.New(orchestrator.Config{
		Store: home.Store, Keys: home.Keys, Conn: nc,
		Provision: func(ctx context.Context) error { return bus.Provision(ctx, nc, topology) },
		Plans:     cfg.Plans, Sources: sources(cfg), Regimes: cfg.Regimes,
		Ceilings:  orchestrator.Ceilings(cfg.Ceilings),
		Retention: cfg.Retention, CompactEvery: cfg.CompactEvery,
		TakeOver: cfg.TakeOver, Version: semantic(version), Logger: log, Registerer: metrics, Wall: orchestratorClock,
	})
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &Orchestrator{
		Orchestrator: o, bus: b, conn: nc, log: log,
		handler: withAdmin(api.New(api.Config{Orchestrator: o, Source: cfg.HTTP.Source, Gatherer: metrics, Logger: log}), home.Store, token, log),
	}, nil
}

var semanticForm = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// semantic is what service discovery on the bus takes for a version; empty is its default.
func semantic(version string) string {
	v := strings.TrimPrefix(version, "v")
	if !semanticForm.MatchString(v) {
		return ""
	}
	return v
}

func sources(cfg config.Config) map[string]orchestrator.Source {
	out := map[string]orchestrator.Source{}
	for name, s := range cfg.Sources {
		out[name] = orchestrator.Source{Realm: s.Realm, Plan: s.Plan, Regime: s.Regime}
	}
	return out
}

// HTTP is the address of the API.
func (o *Orchestrator) HTTP() string { return o.door.Addr().String() }

const readyPoll = 5 * time.Millisecond

// AwaitReady returns once requests are served; its error is that of ctx.
func (o *Orchestrator) AwaitReady(ctx context.Context) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for o.Ready() != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait until requests are served: %w", ctx.Err())
		}
	}
	return nil
}

// Run serves until ctx ends, and then finishes what it took. It waits for a bus that is
// away, with the HTTP door open for who asks about its health.
func (o *Orchestrator) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var doorErr error
	var beside sync.WaitGroup
	beside.Go(func() { o.bus.guard(ctx) })
	beside.Go(func() {
		defer cancel()
		doorErr = ServeHTTP(ctx, o.door, o.handler, o.log)
	})
	err := o.serve(ctx)
	cancel()
	beside.Wait()
	return errors.Join(err, doorErr)
}

func (o *Orchestrator) serve(ctx context.Context) error {
	err := bus.WaitConnected(ctx, o.conn)
	if err == nil {
		err = bus.ProvisionControl(ctx, o.conn)
	}
	if err != nil {
		return unlessEnded(ctx, fmt.Errorf("bus: %w", err))
	}
	return o.Orchestrator.Run(ctx)
}

// unlessEnded is nil when ctx has ended: what fails then was only stopped.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// Close ends the connection. Run must have returned.
func (o *Orchestrator) Close() error {
	o.conn.Close()
	_ = o.door.Close() // Run has closed it, unless it never ran
	return nil
}

const (
	headerTimeout   = 5 * time.Second
	requestTimeout  = time.Minute
	shutdownTimeout = 5 * time.Second
)

// ServeHTTP serves until ctx ends, and then lets requests finish for a while.
func ServeHTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("http: %w", err)
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := srv.Shutdown(limited); err != nil {
		log.WarnContext(ctx, "http requests were cut off", "error", err)
	}
	_ = srv.Close() // of what Shutdown did not wait for
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}
