package orchestrator

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// oneStreamRefuses acknowledges commands and refuses everything else.
type oneStreamRefuses struct{ out chan string }

func (p oneStreamRefuses) PublishMessage(_ context.Context, subject, _ string, _ events.Message) (bus.PubAck, error) {
	if !strings.HasPrefix(subject, "erasure.command.") {
		return bus.PubAck{}, &bus.StreamError{Code: 10054, Description: "message size exceeds maximum allowed"}
	}
	p.out <- subject
	return bus.PubAck{Stream: "s", Sequence: 1}, nil
}

func TestAnEventThatIsRefusedDoesNotHoldUpTheDoorbellBehindIt(t *testing.T) {
	pub := oneStreamRefuses{out: make(chan string, 1)}
	r := newRelay(slog.New(slog.DiscardHandler), newMetrics(prometheus.NewRegistry(), nil), func() bool { return true }, func(string, uint64) {})
	r.pub = pub
	r.add([]storage.Message{
		{Key: storage.MessageKey{Log: 1}, Saga: "s", Subject: "erasure.event.accepted.billing"},
		{Key: storage.MessageKey{Log: 1, Index: 1}, Saga: "s", Subject: "erasure.command.sessions"}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.run(ctx); close(ended) }()
	select {
	case <-pub.out:
	case <-time.After(2 * time.Second):
		t.Error("the erasure waits for its announcement")
	}
	cancel()
	<-ended
}

// takesForRepeats acknowledges everything, the first publish of each id as a repeat.
type takesForRepeats struct{ out chan string }

func (p takesForRepeats) PublishMessage(_ context.Context, _, id string, _ events.Message) (bus.PubAck, error) {
	p.out <- id
	return bus.PubAck{Stream: "s", Sequence: 1, Duplicate: true}, nil
}

func TestANewMessageThatIsTakenForARepeatGoesOutUnderAnotherID(t *testing.T) {
	pub := takesForRepeats{out: make(chan string, 4)}
	r := newRelay(slog.New(slog.DiscardHandler), newMetrics(prometheus.NewRegistry(), nil), func() bool { return true }, func(string, uint64) {})
	r.pub = pub
	fresh := storage.Message{Key: storage.MessageKey{Log: 1}, Saga: "s", Subject: "erasure.summary.billing", MsgID: "fresh"}
	old := storage.Message{Key: storage.MessageKey{Log: 2}, Saga: "s", Subject: "erasure.summary.billing", MsgID: "old"}
	r.add([]storage.Message{fresh})
	r.addOld([]storage.Message{old})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.run(ctx); close(ended) }()
	for _, want := range []string{"fresh", "fresh.again", "old"} {
		if got := <-pub.out; got != want {
			t.Errorf("published %s, want %s", got, want)
		}
	}
	cancel()
	<-ended
}

func TestTheClockForgetsWhatItReplaced(t *testing.T) {
	c := newClock()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10_000 { // one saga whose permit is renewed again and again, and many that end
		c.set("long", start.Add(time.Duration(i)*time.Second))
		id := saga.ID(fmt.Sprint(i))
		c.set(id, start.Add(24*time.Hour))
		c.forget(id)
	}
	if len(c.at) != 1 || len(c.queue) > 100 {
		t.Errorf("%d timers for %d saga", len(c.queue), len(c.at))
	}
}
