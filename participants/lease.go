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

// maxNap is how long a lease may go without a look at the wall clock.
const maxNap = time.Second

// lease is the context of the work under one permit. It ends when the permit's end has come
// on the monotonic or on the wall clock, whichever is first: the monotonic clock and all
// timers stand still while the machine sleeps, and the wall clock may be set back. One that
// is set forward ends the lease early, which is the safe side. Its end moves when the permit
// is renewed, never to an earlier time.
type lease struct {
	context.Context
	cancel context.CancelCauseFunc
	wall   func() time.Time

	mu    sync.Mutex
	end   time.Time // with a monotonic reading
	timer *time.Timer
}

// newLease returns a lease that ends at end, or with parent; an end in the past has ended
// it already. It must be released.
func newLease(parent context.Context, end time.Time) *lease {
	return newLeaseOn(parent, end, time.Now)
}

// newLeaseOn is newLease with another wall clock.
func newLeaseOn(parent context.Context, end time.Time, wall func() time.Time) *lease {
	ctx, cancel := context.WithCancelCause(parent)
	l := &lease{Context: ctx, cancel: cancel, wall: wall, end: end}
	l.mu.Lock() // the timer may fire before it is assigned
	defer l.mu.Unlock()
	l.timer = time.AfterFunc(maxNap, l.look)
	l.lookLocked()
	return l
}

// Deadline returns the permit's end as far as it is known now.
func (l *lease) Deadline() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end, true
}

// Err looks at both clocks, so that who asks before an effect is told in time even on a
// machine that has just woken. It returns context.DeadlineExceeded after the permit's end.
func (l *lease) Err() error {
	l.look()
	if err := l.Context.Err(); err == nil || !errors.Is(context.Cause(l.Context), errExpired) {
		return err
	}
	return context.DeadlineExceeded
}

// left returns how long the lease will live.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leftLocked()
}

func (l *lease) leftLocked() time.Duration {
	onWall := l.end.Round(0).Sub(l.wall().Round(0)) // Round takes the monotonic reading away
	return min(time.Until(l.end), onWall)
}

// extend moves the end to a later time; an earlier one changes nothing, and nothing revives
// a lease that is over.
func (l *lease) extend(end time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lookLocked()
	if end.After(l.end) {
		l.end = end
		l.lookLocked()
	}
}

// look ends the lease if it is over.
func (l *lease) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lookLocked()
}

// lookLocked also sets the timer for the next look, while there is one to come.
func (l *lease) lookLocked() {
	if l.Context.Err() != nil {
		return
	}
	left := l.leftLocked()
	if left <= 0 {
		l.timer.Stop()
		l.cancel(errExpired)
		return
	}
	l.timer.Reset(min(left, maxNap))
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
