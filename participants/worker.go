package participants

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
)

// Worker carries out the commands of one participant.
type Worker struct {
	cfg Config
	can abilities
}

// Errors of [Worker.Run].
var (
	// ErrSubscription says that the bus ended the command subscription by itself.
	ErrSubscription = errors.New("the command subscription has ended")
	// ErrAbandoned says that work went on when the stop timeout was over. What it does
	// after that is not reported; the orchestrator tries the step again as maybe done.
	ErrAbandoned = errors.New("work was abandoned at the stop timeout")
)

// NewWorker returns a worker that does nothing until Run. The error names every fault of
// cfg at once.
func NewWorker(cfg Config) (*Worker, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("worker config: %w", err)
	}
	cfg = cfg.withDefaults()
	cfg.Logger = cfg.Logger.With("participant", cfg.Name)
	return &Worker{cfg: cfg, can: abilitiesOf(cfg.Participant)}, nil
}

// Run works until ctx ends, and then takes no further command, finishes and reports what
// was granted, and returns nil. It returns within Config.StopTimeout after ctx ended. An
// error wraps ErrSubscription or ErrAbandoned, or is that of the subscription.
func (w *Worker) Run(ctx context.Context) error {
	doorbells, err := w.cfg.Bus.Commands(ctx, w.cfg.Name, w.cfg.Concurrency)
	if err != nil {
		return fmt.Errorf("subscribe to the commands of %s: %w", w.cfg.Name, err)
	}
	w.cfg.Logger.InfoContext(ctx, "worker started", "instance", w.cfg.Instance, "version", w.cfg.Version)
	s := newShift(ctx, w)
	defer s.end()
	greeting, stopGreeting := context.WithCancel(ctx)
	defer stopGreeting()
	s.joined.Go(func() { s.greet(greeting) })
	closed := s.answerAll(ctx, doorbells)

	var cause error
	select {
	case <-ctx.Done():
	case <-closed:
		if ctx.Err() == nil {
			cause = ErrSubscription
		}
	}
	stopGreeting()
	return errors.Join(cause, s.drain())
}

// shift is the state of one Run.
type shift struct {
	*Worker
	slots  chan struct{}
	joined sync.WaitGroup // every goroutine of the shift

	mu   sync.Mutex
	busy map[step]bool // what this process is at, from the doorbell to the receipt

	// Neither ends with Run's context: what was granted is finished.
	acting        context.Context
	stopActing    context.CancelCauseFunc
	reporting     context.Context
	stopReporting context.CancelCauseFunc
}

// step is what a doorbell rings for.
type step struct {
	saga  string
	verb  events.Verb
	round int
}

func newShift(ctx context.Context, w *Worker) *shift {
	own := context.WithoutCancel(ctx)
	s := &shift{Worker: w, slots: make(chan struct{}, w.cfg.Concurrency), busy: map[step]bool{}}
	s.acting, s.stopActing = context.WithCancelCause(own)
	s.reporting, s.stopReporting = context.WithCancelCause(own)
	return s
}

func (s *shift) end() {
	s.stopActing(errStopping)
	s.stopReporting(errStopping)
}

// drain waits for the work under way: there is time to act, then time to report, and then
// whoever is still not back is left behind.
func (s *shift) drain() error {
	limit := s.cfg.StopTimeout
	defer time.AfterFunc(limit*3/4, func() { s.stopActing(errStopping) }).Stop()
	defer time.AfterFunc(limit*9/10, func() { s.stopReporting(errStopping) }).Stop()
	over := time.NewTimer(limit)
	defer over.Stop()
	all := make(chan struct{})
	go func() {
		s.joined.Wait()
		close(all)
	}()
	select {
	case <-all:
		s.cfg.Logger.Info("worker stopped")
		return nil
	case <-over.C:
		return fmt.Errorf("%d steps: %w", s.working(), ErrAbandoned)
	}
}

// take notes that this process is at a step; false: it already was.
func (s *shift) take(k step) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[k] {
		return false
	}
	s.busy[k] = true
	return true
}

func (s *shift) leave(k step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, k)
}

func (s *shift) working() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.busy)
}

// ask sends a message about a saga and waits at most the answer timeout.
func (s *shift) ask(ctx context.Context, subject, saga string, m events.Payload) (events.Payload, error) {
	return s.askAs(ctx, rand.Text(), subject, saga, m)
}

// askAs is ask for a message that has its id already.
func (s *shift) askAs(ctx context.Context, id, subject, saga string, m events.Payload) (events.Payload, error) {
	ctx, cancel := context.WithTimeout(movable{ctx}, s.cfg.AnswerTimeout)
	defer cancel()
	e := events.Envelope{ID: id, Source: "/participants/" + s.cfg.Name, Subject: saga, Time: s.cfg.Now().UTC()}
	return s.cfg.Bus.Ask(ctx, subject, e, m)
}

// movable hides a deadline that may move: that of a lease does, and a timeout that would end
// after it has no timer of its own, so that who is renewed would wait for a lost answer
// without end.
type movable struct{ context.Context }

// Deadline implements [context.Context].
func (movable) Deadline() (time.Time, bool) { return time.Time{}, false }

// pause waits for d; false: ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
