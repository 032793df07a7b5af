package participants

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// wallClock is the bubble's clock, set forward or back. A machine that slept looks like one
// whose wall clock was set forward: its monotonic clock and its timers stood still.
type wallClock struct {
	ahead atomic.Int64 // nanoseconds
	looks atomic.Int64
}

func (c *wallClock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

func (c *wallClock) now() time.Time {
	c.looks.Add(1)
	return time.Now().Round(0).Add(time.Duration(c.ahead.Load()))
}

// onWall tells a story of a lease of a minute that began at began.
func onWall(t *testing.T, story func(t *testing.T, c *wallClock, l *lease, began time.Time)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, began := &wallClock{}, time.Now()
		l := newLeaseOn(t.Context(), began.Add(time.Minute), c.now)
		defer l.release()
		story(t, c, l, began)
	})
}

func wantExpired(t *testing.T, l *lease) {
	t.Helper()
	if l.Err() != context.DeadlineExceeded || !errors.Is(context.Cause(l), errExpired) {
		t.Errorf("error %v, cause %v", l.Err(), context.Cause(l))
	}
}

func TestALeaseThatEndedWhileTheMachineSleptEndsWithinASecond(t *testing.T) {
	onWall(t, func(t *testing.T, c *wallClock, l *lease, _ time.Time) {
		time.Sleep(10*time.Second + 300*time.Millisecond)
		c.set(50 * time.Second)
		woke := time.Now()
		<-l.Done() // nobody asks Err
		if took := time.Since(woke); took > time.Second {
			t.Errorf("ended %v after the machine woke", took)
		}
		wantExpired(t, l)
	})
}

func TestWhoAsksIsToldAtOnceThatALeaseEndedInASleep(t *testing.T) {
	onWall(t, func(t *testing.T, c *wallClock, l *lease, _ time.Time) {
		child, cancel := context.WithCancel(l)
		defer cancel()
		c.set(time.Minute)
		if left := l.left(); left > 0 {
			t.Errorf("%v left", left)
		}
		wantExpired(t, l)
		if child.Err() == nil {
			t.Error("what was derived from it lives on")
		}
	})
}

func TestALeaseIsOverIfTheMachineSleptBeforeThePermitCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &wallClock{}
		c.set(time.Minute)
		l := newLeaseOn(t.Context(), time.Now().Add(time.Minute), c.now)
		defer l.release()
		if !isDone(l) {
			t.Error("it lives")
		}
		wantExpired(t, l)
	})
}

func isDone(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

func TestAShortSleepTakesFromALease(t *testing.T) {
	onWall(t, func(t *testing.T, c *wallClock, l *lease, began time.Time) {
		time.Sleep(5 * time.Second)
		c.set(20 * time.Second)
		<-l.Done()
		if took := time.Since(began); took != 40*time.Second {
			t.Errorf("ended after %v", took)
		}
		wantExpired(t, l)
	})
}

func TestAWallClockThatIsSetBackProlongsNothing(t *testing.T) {
	onWall(t, func(t *testing.T, c *wallClock, l *lease, began time.Time) {
		time.Sleep(5 * time.Second)
		c.set(-time.Hour)
		<-l.Done()
		if took := time.Since(began); took != time.Minute {
			t.Errorf("ended after %v", took)
		}
		wantExpired(t, l)
	})
}

func TestARenewedLeaseEndsByTheClocksOfItsRenewal(t *testing.T) {
	onWall(t, func(t *testing.T, c *wallClock, l *lease, began time.Time) {
		time.Sleep(30 * time.Second)
		l.extend(time.Now().Add(time.Minute))
		c.set(35 * time.Second) // past the first end, not past the second
		time.Sleep(20 * time.Second)
		if l.Err() != nil {
			t.Errorf("error %v after 50 s and a sleep of 35 s, with a life until 90 s", l.Err())
		}
		<-l.Done()
		if took := time.Since(began); took != 55*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}

func TestARenewalDoesNotReviveALeaseThatEndedInASleep(t *testing.T) {
	onWall(t, func(t *testing.T, c *wallClock, l *lease, _ time.Time) {
		time.Sleep(30 * time.Second)
		c.set(30 * time.Second) // over, and no timer has noticed
		l.extend(time.Now().Add(2 * time.Minute))
		wantExpired(t, l)
	})
}

func TestALeaseThatHasEndedLooksAtNoClock(t *testing.T) {
	for name, end := range map[string]func(*lease){"released": (*lease).release, "withdrawn": (*lease).withdraw} {
		t.Run(name, func(t *testing.T) {
			onWall(t, func(t *testing.T, c *wallClock, l *lease, _ time.Time) {
				time.Sleep(2500 * time.Millisecond)
				before := c.looks.Load()
				end(l)
				time.Sleep(time.Hour)
				if after := c.looks.Load(); before == 0 || after != before {
					t.Errorf("%d looks before its end and %d after it", before, after-before)
				}
			})
		})
	}
}
