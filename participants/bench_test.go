package participants_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eraser is a participant that can only erase.
type eraser func(context.Context, participants.Task) (participants.Result, error)

func (f eraser) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	return f(ctx, t)
}

func erases(r participants.Result) eraser {
	return func(context.Context, participants.Task) (participants.Result, error) { return r, nil }
}

func fails(err error) eraser {
	return func(context.Context, participants.Task) (participants.Result, error) {
		return participants.Result{}, err
	}
}

// counter can count, too.
type counter struct {
	eraser
	count func(context.Context) (events.Counts, error)
}

func (c counter) Count(ctx context.Context, _ participants.Task) (events.Counts, error) {
	return c.count(ctx)
}

func counts(c events.Counts) func(context.Context) (events.Counts, error) {
	return func(context.Context) (events.Counts, error) { return c, nil }
}

var errBroken = errors.New("broken")

func person() []events.Identifier {
	return []events.Identifier{
		{Type: events.UserID, Value: "u-0042"},
		{Type: "email", Value: "ada.lovelace@example.com"},
	}
}

// bench is a worker at a bus in memory, in a bubble.
type bench struct {
	*participantstest.Orchestrator
	t     *testing.T
	log   *bytes.Buffer // read it when the worker has ended
	stop  context.CancelFunc
	ended chan error

	mu       sync.Mutex
	answered []participants.Answer
	renewed  []participants.Answer
	received []events.Outcome
	done     []events.Verdict
}

// onBench runs story in a bubble with a worker for p. prepare may change the orchestrator
// and the worker's configuration before it starts.
func onBench(t *testing.T, p participants.Participant, prepare func(*bench, *participants.Config), story func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{
			Orchestrator: participantstest.NewOrchestrator("profiles", person()...),
			t:            t,
			log:          &bytes.Buffer{},
			ended:        make(chan error, 1),
		}
		cfg := participants.Config{
			Name: "profiles", Participant: p, Bus: b, Hooks: b.hooks(), Instance: "w1",
			Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		if prepare != nil {
			prepare(b, &cfg)
		}
		w, err := participants.NewWorker(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		b.stop = stop
		go func() { b.ended <- w.Run(ctx); close(b.ended) }()
		synctest.Wait()
		story(t, b)
		stop()
		<-b.ended
	})
}

func (b *bench) hooks() participants.Hooks {
	return participants.Hooks{
		Doorbell: func(_ events.Verb, a participants.Answer) { note(b, &b.answered, a) },
		Renewal:  func(_ events.Verb, a participants.Answer) { note(b, &b.renewed, a) },
		Report:   func(_ events.Verb, o events.Outcome) { note(b, &b.received, o) },
		Step: func(_ events.Verb, v events.Verdict, _ events.FailureClass, _ time.Duration) {
			note(b, &b.done, v)
		},
	}
}

func note[E any](b *bench, to *[]E, e E) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*to = append(*to, e)
}

// noted waits until the worker waits, and returns what a hook noted.
func noted[E any](b *bench, from *[]E) []E {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(*from)
}

// ring rings for a step of saga s-1.
func (b *bench) ring(v events.Verb) (acked <-chan struct{}) { return b.Ring(b.Command("s-1", v)) }

// report waits for the next report.
func (b *bench) report() events.Report {
	b.t.Helper()
	select {
	case r := <-b.Reports:
		return r
	case <-time.After(time.Hour):
		b.t.Fatal("no report within an hour")
		return events.Report{}
	}
}

// claims returns the claims that came, renewals included.
func (b *bench) claims() (out []events.Claim) {
	for _, m := range b.Seen() {
		if c, ok := m.(events.Claim); ok {
			out = append(out, c)
		}
	}
	return out
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func within(t *testing.T, what string, got, want, tolerance time.Duration) {
	t.Helper()
	if got < want-tolerance || got > want+tolerance {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
