package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// Orchestrator runs sagas. Make one with [New]; one store and one bus serve one.
type Orchestrator struct {
	cfg      Config
	logger   *slog.Logger
	metrics  *metrics
	clock    *clock
	relay    *relay
	live     *census
	presence *presence
	plans    *planBook

	jobs    chan job
	readers chan struct{} // slots of reads beside the writer
	stopped chan struct{} // closed when the writer has ended
	ready   atomic.Bool

	// The writer's own.
	log   uint64 // number of the last batch
	cache cache
	again []saga.ID // live at the start
}

// New makes an orchestrator and starts nothing. The error reports every fault of the
// configuration at once.
func New(cfg Config) (*Orchestrator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("orchestrator: %w", err)
	}
	m := newMetrics(cfg.Registerer, cfg.participants())
	pub, err := bus.NewPublisher(cfg.Conn, bus.Hooks{})
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	o := &Orchestrator{cfg: cfg, logger: cfg.Logger, metrics: m, clock: newClock(), relay: newRelay(pub, cfg.Logger, m), live: newCensus(),
		presence: newPresence(), plans: newPlanBook(cfg.Plans), jobs: make(chan job, queueSize), readers: make(chan struct{}, 32),
		stopped: make(chan struct{}), cache: cache{}}
	cfg.Registerer.MustRegister(newGauges(o))
	return o, nil
}

// Run recovers, serves until ctx ends, and then finishes what it took, in at most
// about half a minute. Its error is nil after a stop that was asked for; any other means that the
// store or the bus can no longer be used as promised, and the process should exit and
// start again.
func (o *Orchestrator) Run(ctx context.Context) error {
	if err := o.recover(ctx); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	if err := bus.WaitConnected(ctx, o.cfg.Conn); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	// The parts stop in this order: doors, then writer, then relay; before the writer does,
	// what is committed gets a chance to go out.
	doors, closeDoors := context.WithCancel(ctx)
	defer closeDoors()
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	relaying, stopRelaying := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRelaying()

	var g errgroup.Group
	g.Go(func() error { o.relay.run(relaying); return nil })
	g.Go(func() error {
		defer closeDoors()
		defer close(o.stopped)
		return o.write(writing)
	})
	err := o.serve(doors)
	o.ready.Store(false)
	o.drain()
	stopWriting() // its last commit takes what was sent from the outbox
	<-o.stopped
	stopRelaying()
	return errors.Join(err, g.Wait())
}

// serve opens the doors and keeps them open until ctx ends.
func (o *Orchestrator) serve(ctx context.Context) error {
	svc, err := bus.Serve(o.cfg.Conn, bus.ServiceConfig{Name: "expunge", Version: o.cfg.Version, Logger: o.logger,
		Description: "erases a person from every system that holds a share of them",
		Hooks:       bus.Hooks{Dropped: func(e string) { o.metrics.dropped.WithLabelValues(e).Inc() }}}, o.endpoints())
	if err != nil {
		return fmt.Errorf("endpoints: %w", err)
	}
	g, up := errgroup.WithContext(ctx)
	g.Go(func() error { o.wakeAll(up); o.wakeUp(up); return nil })
	g.Go(func() error { return o.takeRequests(up) })
	o.ready.Store(true)
	<-up.Done()
	stop := svc.Stop()
	return errors.Join(g.Wait(), stop)
}

// outboxPatience is how long a stop waits for the bus to acknowledge what is committed;
// the rest goes out at the next start.
const outboxPatience = 5 * time.Second

// drain waits until nothing waits for the writer or for the bus, in vain if the writer has
// failed or the bus is away.
func (o *Orchestrator) drain() {
	deadline := time.NewTimer(outboxPatience)
	defer deadline.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for o.cfg.Conn.IsConnected() {
		if n, _ := o.relay.depth(); n == 0 && len(o.jobs) == 0 {
			return
		}
		select {
		case <-look.C:
		case <-deadline.C:
			return
		case <-o.stopped:
			return
		}
	}
}

// Ready returns why the orchestrator does not serve, or nil.
func (o *Orchestrator) Ready() error {
	switch {
	case !o.ready.Load():
		return errors.New("it is starting or stopping")
	case !o.cfg.Conn.IsConnected():
		return errors.New("the bus is not connected")
	}
	return nil
}
