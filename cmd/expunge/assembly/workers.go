package assembly

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/participants"
)

// Worker is one participant, ready to run.
type Worker struct {
	name   string
	worker *participants.Worker
	config.Adapter
	conn *nats.Conn
	log  *slog.Logger
}

// checker is an adapter that can say at the start what an operator has to mend.
type checker interface {
	Check(ctx context.Context) error
}

// WorkerOptions are what a worker is besides its configuration.
type WorkerOptions struct {
	Instance    string        // empty: a random one
	StopTimeout time.Duration // 0: the default of participants
	Version     string
	Log         *slog.Logger
	Target      *participants.Target // whom an adapter over HTTP asks; nil: without limits
}

// Targets returns, for each participant that asks over HTTP, its target: the one of the file that
// it names, which it shares, or one of its own.
func Targets(cfg config.Config, log *slog.Logger) (map[string]*participants.Target, error) {
	shared, out := map[string]*participants.Target{}, map[string]*participants.Target{}
	for name, w := range cfg.Workers {
		if !w.OverHTTP() {
			continue
		}
		tc := participants.TargetConfig{Name: name}
		if w.Target != "" {
			tc = cfg.Targets[w.Target]
		}
		t := shared[w.Target]
		if t == nil {
			var err error
			tc.Logger = log
			if t, err = participants.NewTarget(tc); err != nil {
				return nil, fmt.Errorf("target %s: %w", tc.Name, err)
			}
		}
		if out[name] = t; w.Target != "" {
			shared[w.Target] = t
		}
	}
	return out, nil
}

// NewWorker connects nothing by itself: nc is a connection as the participant. The worker
// owns it from here on, also when there is an error.
func NewWorker(name string, c config.Worker, nc *nats.Conn, o WorkerOptions) (*Worker, error) {
	a, err := c.Open(o.Target)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	w, err := participants.NewWorker(participants.Config{
		Name: name, Participant: a, Bus: participants.OverNATS(nc),
		Instance: o.Instance, Version: o.Version, Concurrency: c.Concurrency, StopTimeout: o.StopTimeout, Logger: o.Log,
		Now: workerClock,
	})
	if err != nil {
		nc.Close()
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), a.Close())
	}
	return &Worker{name: name, worker: w, Adapter: a, conn: nc, log: o.Log}, nil
}

// Dial connects as a participant, with the credentials of its own or those of the file.
func Dial(name string, cfg config.Config, log *slog.Logger) (*nats.Conn, error) {
	c := cfg.Workers[name].NATS
	c.URL = cmp.Or(c.URL, cfg.NATS.URL)
	if e := cfg.NATS.Embedded; c.URL == "" && e != nil && e.Port > 0 {
		c.URL = fmt.Sprintf("nats://127.0.0.1:%d", e.Port)
	}
	if c.CredsFile == "" && c.NKeyFile == "" && c.User == "" {
		c.CredsFile, c.NKeyFile, c.User, c.Password = cfg.NATS.CredsFile, cfg.NATS.NKeyFile, cfg.NATS.User, cfg.NATS.Password
	}
	if c.TLS == (bus.TLS{}) {
		c.TLS = cfg.NATS.TLS
	}
	bc := clientConfig(c, log.With("participant", name))
	bc.Name = "expunge worker " + name
	return bus.Connect(bc)
}

// RunWorkers runs workers until ctx ends or one of them ends by itself; then all stop, and
// finish and report what they were at.
func RunWorkers(ctx context.Context, workers []*Worker) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range workers {
		g.Go(func() error { return w.run(ctx) })
	}
	return g.Wait()
}

func (w *Worker) run(ctx context.Context) error {
	if err := bus.WaitConnected(ctx, w.conn); err != nil {
		return unlessEnded(ctx, fmt.Errorf("%s: bus: %w", w.name, err))
	}
	w.check(ctx)
	if err := w.worker.Run(ctx); err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	return nil
}

// check tells an operator at once what the first erasure would run into. The worker runs
// anyway: what is wrong now may be right by then.
func (w *Worker) check(ctx context.Context) {
	c, ok := w.Adapter.(checker)
	if !ok {
		return
	}
	if err := c.Check(ctx); err != nil && ctx.Err() == nil {
		w.log.ErrorContext(ctx, "the participant cannot do its work yet", "participant", w.name, "error", err)
	}
}

// Close releases the adapter and the connection. RunWorkers must have returned.
func (w *Worker) Close() error {
	w.conn.Close()
	return w.Adapter.Close()
}
