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
	bars     *bars
	marks    *marks
	recovery recovering
	decider  decider
	started  time.Time // when recovery began

	lending bus.LeaseConfig // its zero value but in tests
	lease   atomic.Pointer[bus.Lease]
	checked atomic.Uint64 // number of the connection whose bus was compared with the marks

	jobs    chan job
	readers chan struct{} // slots of reads beside the writer
	stopped chan struct{} // closed when the writer has ended
	steady  *steady       // nil: the configuration brings a clock
	trust   *trust
	held    func() bool // see holds; a test without a bus replaces it
	// believed is told when a doubt about the clock has ended.
	believed chan struct{}
	ready    atomic.Bool
	isFull   atomic.Bool // the last commit found no space

	// The writer's own.
	log       uint64          // number of the last batch
	told      uint64          // number of the last batch before the start that was more than a note
	ahead     uint64          // by how much messages count further; set before it runs
	found     *findings       // what is to be folded in; nil: nothing
	outlived  bool            // a younger copy of the store has held the bus
	out       map[string]bool // see findings; until the outbox is taken up
	cache     cache
	again     []saga.ID        // live at the start, to be woken
	unsealed  []saga.ID        // of those, see saga.State.Unsealed
	restarted map[saga.ID]bool // live at the start, and not told of it yet
	damaged   map[saga.ID]bool // stand still until an operator mends them
	nameless  bool             // one of them does not even tell its id
	holdings  *holds
	owners    *owners
	brakes    brakes
	ticked    time.Time   // by the tick ledger
	unions    shortMemory // by digest: under which plan a saga goes on; zero: as it is
	expired   time.Time   // idempotency keys were last dropped
}

// New makes an orchestrator and starts nothing. The error reports every fault of the
// configuration at once.
func New(cfg Config) (*Orchestrator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("orchestrator: %w", err)
	}
	var clock *steady
	if cfg.Now == nil {
		clock = newSteady(cfg.Wall)
		cfg.Now = clock.now
	}
	m := newMetrics(cfg.Registerer, cfg.participants())
	o := &Orchestrator{cfg: cfg, logger: cfg.Logger, metrics: m, clock: newClock(), live: newCensus(),
		presence: newPresence(), bars: newBars(), marks: newMarks(), decider: byCore{}, plans: newPlanBook(cfg.Plans), jobs: make(chan job, queueSize), readers: make(chan struct{}, 32),
		stopped: make(chan struct{}), cache: cache{}, restarted: map[saga.ID]bool{}, damaged: map[saga.ID]bool{}, unions: shortMemory{}}
	o.steady, o.trust, o.believed = clock, newTrust(len(m.names)), make(chan struct{}, 1)
	o.held, o.holdings, o.owners = o.leased, newHolds(), newOwners()
	o.relay = newRelay(cfg.Logger, m, o.mayPublish, o.marks.acked)
	o.checked.Store(unchecked)
	m.clockTrusted.Set(1)
	cfg.Registerer.MustRegister(newGauges(o))
	return o, nil
}

// Run recovers, serves until ctx ends, and then finishes what it took, in at most
// about half a minute. It holds the bus meanwhile: the error wraps a [*bus.HeldError] when
// that is another's, and [bus.ErrLeaseLost] when another one took it. It is nil after a stop that was asked for; any other error means that the
// store or the bus can no longer be used as promised, and the process should exit and
// start again.
//
// It may be called once.
func (o *Orchestrator) Run(ctx context.Context) error {
	pub, err := o.prepare(ctx)
	if err != nil {
		close(o.stopped)
		return err
	}
	return errors.Join(o.run(ctx), pub.Close())
}

// prepare recovers and waits for the bus.
func (o *Orchestrator) prepare(ctx context.Context) (*bus.Publisher, error) {
	if err := o.recover(ctx); err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	if err := bus.WaitConnected(ctx, o.cfg.Conn); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	if err := o.acquire(ctx); err != nil {
		return nil, err
	}
	if err := o.cfg.Provision(ctx); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	if err := o.catchUp(ctx); err != nil {
		return nil, err
	}
	if err := o.recoverOutbox(ctx); err != nil {
		return nil, err
	}
	if err := o.sweep(ctx); err != nil {
		return nil, err
	}
	if o.found == nil {
		if err := o.compare(ctx, o.note); err != nil {
			return nil, fmt.Errorf("compare the bus with what it acknowledged: %w", err)
		}
	}
	pub, err := bus.NewPublisher(o.cfg.Conn, bus.Hooks{})
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	o.relay.pub = pub
	return pub, nil
}

func (o *Orchestrator) run(ctx context.Context) error {
	// The parts stop in this order: doors, then writer, then relay; before the writer does,
	// what is committed gets a chance to go out.
	doors, closeDoors := context.WithCancel(ctx)
	defer closeDoors()
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	relaying, stopRelaying := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRelaying()

	keeping, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	defer stopKeeping()

	var g errgroup.Group
	g.Go(func() error {
		defer closeDoors()
		return o.lease.Load().Keep(keeping)
	})
	relayed := make(chan struct{})
	g.Go(func() error { defer close(relayed); o.relay.run(relaying); return nil })
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
	<-relayed
	o.relay.waitNoMore() // while the bus is held, which an answer needs
	stopKeeping()
	return errors.Join(err, g.Wait())
}

// serve opens the doors and keeps them open until ctx ends.
func (o *Orchestrator) serve(ctx context.Context) error {
	if err := o.fold(ctx); err != nil {
		return err
	}
	if err := o.doubtUndo(ctx); err != nil {
		return err
	}
	svc, err := bus.Serve(o.cfg.Conn, bus.ServiceConfig{Name: "expunge", Version: o.cfg.Version, Logger: o.logger,
		Description: "erases a person from every system that holds a share of them",
		Hooks:       bus.Hooks{Dropped: func(e string) { o.metrics.dropped.WithLabelValues(e).Inc() }}}, o.endpoints())
	if err != nil {
		return fmt.Errorf("endpoints: %w", err)
	}
	g, up := errgroup.WithContext(ctx)
	g.Go(func() error { o.wakeAll(up); o.wakeUp(up); return nil })
	g.Go(func() error { return o.takeRequests(up) })
	g.Go(func() error { o.watchClock(up); return nil })
	g.Go(func() error { o.keepUp(up); return nil })
	g.Go(func() error { o.ringWhenQuiet(up); return nil })
	g.Go(func() error { o.watchBus(up); return nil })
	g.Go(func() error { o.repay(up); return nil })
	o.ready.Store(true)
	<-up.Done()
	stop := svc.Stop()
	o.joinReaders()
	return errors.Join(g.Wait(), stop)
}

// joinReaders waits for the calls that are served beside the writer, and lets no other begin.
func (o *Orchestrator) joinReaders() {
	for range cap(o.readers) {
		o.readers <- struct{}{}
	}
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
	for o.cfg.Conn.IsConnected() && o.holds() {
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
	case !o.holds():
		return errors.New("the bus is not held, since its lease could not be renewed: look at the disk of the bus, and restart it if that was full")
	case o.isFull.Load():
		return errors.New("the disk is full: nothing is accepted until there is space")
	}
	if n, oldest := o.relay.depth(); n > 0 && o.cfg.Now().Sub(oldest) > outboxLate {
		return fmt.Errorf("the bus does not take %d messages, the oldest since %s: look at its disk, and restart it if that was full", n, oldest.UTC().Format(time.RFC3339))
	}
	return nil
}

// outboxLate is when a message that the bus did not acknowledge is a reason not to be ready.
const outboxLate = 30 * time.Second
