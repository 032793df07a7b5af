package orchestrator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/storage"
)

// TestAStopAnswersWhoWaitsForTheBus, once, and leaves no timer behind.
func TestAStopAnswersWhoWaitsForTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newDesk(t, oneShare()).o.relay
		one, two := storage.MessageKey{Log: 1}, storage.MessageKey{Log: 1, Index: 1}
		var got []bool
		r.whenSent([]storage.MessageKey{one, two}, time.Hour, func(taken bool) { got = append(got, taken) })
		r.done(storage.Message{Key: one}, bus.PubAck{})
		r.waitNoMore()
		r.done(storage.Message{Key: two}, bus.PubAck{})
		time.Sleep(2 * time.Hour)
		if len(got) != 1 || got[0] {
			t.Errorf("answers: %v, want one, that the bus has not taken it", got)
		}
	})
}

// TestAStopJoinsTheReaders: the store is closed after it.
func TestAStopJoinsTheReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newDesk(t, oneShare()).o
		o.readers <- struct{}{} // one is at work
		joined := make(chan struct{})
		go func() { o.joinReaders(); close(joined) }()
		synctest.Wait()
		select {
		case <-joined:
			t.Error("it did not wait")
		default:
		}
		<-o.readers
		<-joined
		select {
		case o.readers <- struct{}{}:
			t.Error("another one may begin")
		default:
		}
	})
}
