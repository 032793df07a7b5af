package orchestrator

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// clock wakes sagas. It holds the next wake-up of each; the store's timers are where it
// starts from.
type clock struct {
	mu     sync.Mutex
	queue  timers
	at     map[saga.ID]time.Time // the valid wake-up of each saga; older ones in queue are void
	change chan struct{}
}

type timer struct {
	at   time.Time
	saga saga.ID
}

func newClock() *clock {
	return &clock{at: map[saga.ID]time.Time{}, change: make(chan struct{}, 1)}
}

// forget drops the wake-up of a saga that has ended.
func (c *clock) forget(id saga.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.at, id)
}

// set replaces the wake-up of a saga.
func (c *clock) set(id saga.ID, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at[id].Equal(at) {
		return
	}
	c.at[id] = at
	heap.Push(&c.queue, timer{at, id})
	c.compact()
	if c.queue[0].saga == id {
		select {
		case c.change <- struct{}{}:
		default:
		}
	}
}

// compact drops void timers when they are most of what there is.
func (c *clock) compact() {
	if len(c.queue) <= 2*len(c.at)+64 {
		return
	}
	c.queue = slices.DeleteFunc(c.queue, func(t timer) bool {
		at, ok := c.at[t.saga]
		return !ok || !at.Equal(t.at)
	})
	heap.Init(&c.queue)
}

// due returns the sagas to be woken at now, and when the next one is.
func (c *clock) due(now time.Time) (ids []saga.ID, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 {
		t := c.queue[0]
		switch valid, ok := c.at[t.saga]; {
		case !ok || !valid.Equal(t.at):
			heap.Pop(&c.queue)
		case t.at.After(now):
			return ids, t.at
		default:
			heap.Pop(&c.queue)
			delete(c.at, t.saga) // the commit that follows sets the next one
			ids = append(ids, t.saga)
		}
	}
	return ids, time.Time{}
}

// longestSleep bounds how long a wall clock that was set can delay a wake-up.
const longestSleep = time.Minute

// wakeUp submits a wake-up for each saga when it is due, until ctx ends.
func (o *Orchestrator) wakeUp(ctx context.Context) {
	for {
		ids, next := o.clock.due(o.cfg.Now())
		for _, id := range ids {
			if !o.tryWake(ctx, id) {
				return
			}
		}
		sleep := longestSleep
		if !next.IsZero() {
			sleep = min(max(next.Sub(o.cfg.Now()), time.Millisecond), longestSleep)
		}
		t := time.NewTimer(sleep)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-o.clock.change:
		case <-t.C:
		}
		t.Stop()
	}
}

// tryWake submits a wake-up; false means that there is nobody to take it any more.
func (o *Orchestrator) tryWake(ctx context.Context, id saga.ID) bool {
	return o.submit(ctx, job{wake: &wake{saga: id}, done: o.woken(id)}) == nil
}

// retryWake is when a wake-up that was not taken is tried again.
const retryWake = 5 * time.Second

// woken makes sure that a saga whose wake-up failed is still woken again: no commit set
// its next timer.
func (o *Orchestrator) woken(id saga.ID) func(answer) {
	return func(a answer) {
		if a.err != nil && o.live.has(id) {
			o.clock.setIfNone(id, o.cfg.Now().Add(retryWake))
		}
	}
}

// setIfNone sets a wake-up unless the saga has one.
func (c *clock) setIfNone(id saga.ID, at time.Time) {
	c.mu.Lock()
	_, has := c.at[id]
	c.mu.Unlock()
	if !has {
		c.set(id, at)
	}
}

type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	old := *t
	x := old[len(old)-1]
	*t = old[:len(old)-1]
	return x
}
