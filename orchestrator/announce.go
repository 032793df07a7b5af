package orchestrator

import (
	"errors"
	"sync"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// announce takes what the bus has from the outbox. In the same transaction the sagas learn
// of it whose pivot was announced that way: one without the other would leave a saga that
// waits for an event which is out.
func (b *batch) announce(sent []acked) {
	b.acked = sent
	for _, a := range sent {
		b.out.Sent = append(b.out.Sent, a.key)
		if a.ended != "" {
			b.ended = append(b.ended, a.ended)
		}
		if a.pivot == "" {
			continue
		}
		if _, err := b.input(a.pivot, saga.Announced{}); err != nil && !errors.Is(err, storage.ErrNotFound) {
			b.o.metrics.faults.Inc()
			b.o.logger.Error("a saga was not told that its pivot is announced", "saga", string(a.pivot), "error", err)
		}
	}
}

// announcePatience is how long the answer to a decision waits for the bus to take its event.
const announcePatience = 3 * time.Second

// watch waits for messages to be acknowledged.
type watch struct {
	mu    sync.Mutex
	left  int
	timer *time.Timer
	f     func(taken bool) // called once
}

// whenSent calls f once: with true when the bus has all of these messages, with false when
// it has not within the patience. Call it before the messages are added. f must not block.
func (r *relay) whenSent(keys []storage.MessageKey, patience time.Duration, f func(taken bool)) {
	w := &watch{left: len(keys), f: f}
	if w.left == 0 {
		f(true)
		return
	}
	w.mu.Lock()
	w.timer = time.AfterFunc(patience, w.expire)
	w.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		r.watches[k] = append(r.watches[k], w)
	}
}

func (w *watch) took() {
	w.mu.Lock()
	w.left--
	last := w.left == 0 && w.timer.Stop()
	w.mu.Unlock()
	if last {
		w.f(true)
	}
}

func (w *watch) expire() { w.f(false) }

// waitNoMore ends every wait: the bus has not taken these messages, and by this process will
// not. Call it when the relay has ended.
func (r *relay) waitNoMore() {
	r.mu.Lock()
	watches := r.watches
	r.watches = map[storage.MessageKey][]*watch{}
	r.mu.Unlock()
	for _, waiting := range watches {
		for _, w := range waiting {
			w.giveUp()
		}
	}
}

func (w *watch) giveUp() {
	w.mu.Lock()
	first := w.timer.Stop()
	w.mu.Unlock()
	if first {
		w.expire()
	}
}
