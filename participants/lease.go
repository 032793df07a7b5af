package participants

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Why a lease ended, as its context's cause.
var (
	errExpired   = errors.New("the permit has expired")
	errWithdrawn = errors.New("the permit was not renewed")
	errStopping  = errors.New("the worker is stopping")
)

// lease is the context of the work under one permit. Its deadline is the permit's end and
// moves when the permit is renewed, never to an earlier time: what Deadline says is a
// lower bound.
type lease struct {
	context.Context
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	end   time.Time // with a monotonic reading
	timer *time.Timer
}

// newLease returns a lease that ends at end, or with parent; an end in the past has ended
// it already. It must be released.
func newLease(parent context.Context, end time.Time) *lease {
	ctx, cancel := context.WithCancelCause(parent)
	l := &lease{Context: ctx, cancel: cancel, end: end}
	l.mu.Lock() // the timer may fire before it is assigned
	defer l.mu.Unlock()
	l.timer = time.AfterFunc(time.Until(end), l.expire)
	if time.Until(end) <= 0 {
		cancel(errExpired)
	}
	return l
}

// Deadline returns the permit's end as far as it is known now.
func (l *lease) Deadline() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end, true
}

// Err returns context.DeadlineExceeded after the permit's end.
func (l *lease) Err() error {
	if err := l.Context.Err(); err == nil || !errors.Is(context.Cause(l.Context), errExpired) {
		return err
	}
	return context.DeadlineExceeded
}

// left returns how long the lease will live.
func (l *lease) left() time.Duration {
	end, _ := l.Deadline()
	return time.Until(end)
}

// extend moves the end to a later time; an earlier one changes nothing.
func (l *lease) extend(end time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if end.After(l.end) {
		l.end = end
		l.timer.Reset(time.Until(end))
	}
}

// expire ends the lease, unless it was extended while the timer fired.
func (l *lease) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if left := time.Until(l.end); left > 0 {
		l.timer.Reset(left)
		return
	}
	l.cancel(errExpired)
}

// withdraw ends the lease at once.
func (l *lease) withdraw() { l.cancel(errWithdrawn) }

// release frees what the lease holds.
func (l *lease) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer.Stop()
	l.cancel(context.Canceled)
}
