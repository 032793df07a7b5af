package bus

import (
	"context"
	"errors"
	"fmt"
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
	arrived map[string]arrival
	wake    chan struct{} // closed and replaced at each arrival
	closed  bool
}

type arrival struct {
	summary events.Summary
	data    []byte
}

// watchWait is how long Watch waits for the server at most.
const watchWait = 10 * time.Second

// Watch begins to collect summaries and returns once the server knows of it. Summaries are
// kept until they are asked for or the watch is closed.
func (c *Client) Watch(ctx context.Context) (*Watch, error) {
	w := &Watch{arrived: map[string]arrival{}, wake: make(chan struct{})}
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
	w.arrived[s.Saga] = arrival{summary: s, data: m.Data}
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
		w.mu.Lock()
		a, ok := w.arrived[saga]
		delete(w.arrived, saga)
		closed, wake := w.closed, w.wake
		w.mu.Unlock()
		switch {
		case ok:
			return a.summary, a.data, nil
		case closed:
			return events.Summary{}, nil, fmt.Errorf("await summary: %w", ErrClosed)
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return events.Summary{}, nil, fmt.Errorf("await summary: %w", ctx.Err())
		}
	}
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
