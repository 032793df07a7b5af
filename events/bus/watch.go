package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
)

// Watch collects the summaries of a source from the moment it was made, so that one that
// arrives before the answer to its request is not missed. It sees only what passes while
// the connection is up: after a gap, ask for the status.
type Watch struct {
	sub *nats.Subscription

	mu      sync.Mutex
	arrived []arrival     // oldest first, at most watchKeeps
	wake    chan struct{} // closed and replaced at each arrival
	closed  bool
}

// watchKeeps bounds what a watch remembers that nobody asks for.
const watchKeeps = 1024

type arrival struct {
	summary events.Summary
	data    []byte
}

// watchWait is how long Watch waits for the server at most.
const watchWait = 10 * time.Second

// Watch begins to collect summaries and returns once the server knows of it. The newest
// 1024 are kept until they are asked for or the watch is closed.
func (c *Client) Watch(ctx context.Context) (*Watch, error) {
	w := &Watch{wake: make(chan struct{})}
	sub, err := c.nc.Subscribe(events.SubjectSummary(c.source), w.take)
	if err != nil {
		return nil, fmt.Errorf("watch summaries: %w", err)
	}
	w.sub = sub
	// The flush insists on a deadline, which a caller's context need not have.
	ctx, cancel := context.WithTimeout(ctx, watchWait)
	defer cancel()
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("watch summaries: %w", err), sub.Unsubscribe())
	}
	return w, nil
}

// take keeps a summary; what is not one is not for this watch.
func (w *Watch) take(m *nats.Msg) {
	_, s, err := events.Decode[events.Summary](events.Header(m.Header), m.Data)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.arrived) == watchKeeps {
		w.arrived = slices.Delete(w.arrived, 0, 1)
	}
	w.arrived = append(w.arrived, arrival{summary: s, data: m.Data})
	w.ring()
}

func (w *Watch) ring() {
	close(w.wake)
	w.wake = make(chan struct{})
}

// Await returns the summary of a saga, and the bytes that were published, once it is
// there. Errors wrap [ErrClosed] or the context's.
func (w *Watch) Await(ctx context.Context, saga string) (events.Summary, []byte, error) {
	for {
		a, wake, err := w.look(saga)
		if err != nil || a != nil {
			return a.open(err)
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return a.open(fmt.Errorf("await summary: %w", ctx.Err()))
		}
	}
}

// look takes the summary of a saga, or says what to wait for.
func (w *Watch) look(saga string) (*arrival, <-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, a := range w.arrived {
		if a.summary.Saga == saga {
			w.arrived = slices.Delete(w.arrived, i, i+1)
			return &a, nil, nil
		}
	}
	if w.closed {
		return nil, nil, fmt.Errorf("await summary: %w", ErrClosed)
	}
	return nil, w.wake, nil
}

func (a *arrival) open(err error) (events.Summary, []byte, error) {
	if err != nil {
		return events.Summary{}, nil, err
	}
	return a.summary, a.data, nil
}

// Close ends the watch; whoever waits gets [ErrClosed].
func (w *Watch) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	w.ring()
	return w.sub.Unsubscribe()
}
