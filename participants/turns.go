package participants

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// turns lets whoever waits go ahead, at a pace, nearest deadline first. The pace is that of the
// generic cell rate algorithm: a burst, and then one each interval.
type turns struct {
	every time.Duration // from one to the next; 0: no pace
	burst time.Duration // by how much a burst may run ahead of the pace

	mu    sync.Mutex // guards everything below
	due   time.Time  // when the pace would have the next one go
	rest  time.Time  // nobody goes before it
	queue queue
	seq   uint64
	bell  *time.Timer // for whoever is first in the queue; nil: nobody waits
}

// waiter waits for its turn.
type waiter struct {
	deadline time.Time // zero: after all that have one
	seq      uint64
	turn     chan struct{} // closed when it comes
	at       int           // place in the heap; -1: not in it
}

// wait returns true when it is the caller's turn, false when ctx ended or patience was over
// before. Who cannot have a turn that early is told at once.
func (t *turns) wait(ctx context.Context, deadline time.Time, patience time.Duration) bool {
	w := t.join(deadline, patience)
	if w == nil {
		return false
	}
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case <-w.turn:
		return true
	case <-ctx.Done():
	case <-over.C:
	}
	return t.leave(w)
}

func (t *turns) join(deadline time.Time, patience time.Duration) *waiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.next().Sub(now) > patience {
		return nil
	}
	t.seq++
	w := &waiter{deadline: deadline, seq: t.seq, turn: make(chan struct{})}
	heap.Push(&t.queue, w)
	t.serve(now)
	return w
}

// leave takes back that somebody waits; true: the turn came first.
func (t *turns) leave(w *waiter) (had bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.at < 0 {
		return true
	}
	heap.Remove(&t.queue, w.at)
	return false
}

// pause lets nobody go before until.
func (t *turns) pause(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if until.After(t.rest) {
		t.rest = until
	}
}

// left is how long nobody may go.
func (t *turns) left() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Until(t.next())
}

// next is when the first in the queue may go. The caller holds the lock, as below.
func (t *turns) next() time.Time {
	at := t.due.Add(-t.burst)
	if at.Before(t.rest) {
		at = t.rest
	}
	return at
}

// serve lets go whoever may, and has itself called for the next one.
func (t *turns) serve(now time.Time) {
	for len(t.queue) > 0 && !now.Before(t.next()) {
		w, _ := heap.Pop(&t.queue).(*waiter)
		if t.due.Before(now) {
			t.due = now
		}
		t.due = t.due.Add(t.every)
		close(w.turn)
	}
	if t.bell != nil {
		t.bell.Stop()
		t.bell = nil
	}
	if len(t.queue) > 0 {
		t.bell = time.AfterFunc(t.next().Sub(now), t.ring)
	}
}

func (t *turns) ring() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serve(time.Now())
}

// queue is a heap of those who wait.
type queue []*waiter

// Len implements [heap.Interface], as do the other methods.
func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	switch {
	case a.deadline.Equal(b.deadline):
		return a.seq < b.seq
	case a.deadline.IsZero() || b.deadline.IsZero():
		return b.deadline.IsZero()
	}
	return a.deadline.Before(b.deadline)
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

func (q *queue) Push(x any) {
	w, _ := x.(*waiter)
	w.at = len(*q)
	*q = append(*q, w)
}

func (q *queue) Pop() any {
	old := *q
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*q, w.at = old[:len(old)-1], -1
	return w
}
