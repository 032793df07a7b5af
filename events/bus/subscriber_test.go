package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// The adapter drops an ack that comes while it closes; with a handler in the middle of its
// work that would make the message come again.
func TestAMessageThatWasTakenIsFinishedDuringAClose(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	ring(t, ours, "sessions", 1)
	sub, commands := subscribeCommands(t, s.connect(t, "sessions"), bus.SubscriberConfig{})
	msg := take(t, commands)
	closed := make(chan error, 1)
	go func() { closed <- sub.Close() }()
	if _, open := <-commands; open {
		t.Fatal("another message after the close")
	}
	select {
	case <-closed:
		t.Fatal("the close did not wait for the handler")
	case <-msg.Context().Done():
		t.Fatal("the handler was interrupted")
	default:
	}
	msg.Ack()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	requireEmpty(t, ours, events.StreamCommands)
}

func TestTheEndOfTheContextEndsASubscriptionAndKeepsWhatIsInHand(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	ring(t, ours, "sessions", 1)
	sub, err := bus.NewCommandSubscriber(s.connect(t, "sessions"), "sessions", bus.SubscriberConfig{})
	if err != nil {
		t.Fatal(err)
	}
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	commands, err := sub.Subscribe(ctx, sub.Topic())
	if err != nil {
		t.Fatal(err)
	}
	msg := take(t, commands)
	if msg.Context().Value(key{}) != "value" {
		t.Error("the message does not carry the values of the context")
	}
	cancel()
	if _, open := <-commands; open {
		t.Fatal("another message after the end")
	}
	msg.Ack()
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	requireEmpty(t, ours, events.StreamCommands)
	if _, err := sub.Subscribe(t.Context(), sub.Topic()); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// The adapter closes its channel while its callbacks may still send to it; without the gate
// this ends the process sooner or later.
func TestStoppingAmidABacklogNeitherCrashesNorLoses(t *testing.T) {
	s := provisioned(t)
	ours, worker := s.connect(t, "orchestrator"), s.connect(t, "sessions")
	const commands = 120
	for i := range commands {
		ring(t, ours, "sessions", i)
	}
	seen := map[uint64]bool{}
	for round := 0; len(seen) < commands && round < 40; round++ {
		stopAfter(t, worker, 1+round%7, seen)
	}
	// What was prefetched and not handed out by the last rounds comes after AckWait; that
	// nothing is lost shows in the stream: what was not seen is still there.
	for seq := range uint64(commands) {
		if !seen[seq+1] && !isStored(t, ours, events.StreamCommands, seq+1) {
			t.Errorf("command %d is gone, and nobody saw it", seq+1)
		}
	}
}

// stopAfter takes n messages and stops, half of the time by the context.
func stopAfter(t *testing.T, worker *nats.Conn, n int, seen map[uint64]bool) {
	t.Helper()
	sub, err := bus.NewCommandSubscriber(worker, "sessions", bus.SubscriberConfig{Concurrency: 4, NakBase: time.Millisecond, NakMax: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, err := sub.Subscribe(ctx, sub.Topic())
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		select {
		case msg := <-out:
			seen[bus.DeliveryOf(msg).Sequence] = true
			msg.Ack()
		case <-time.After(20 * time.Millisecond):
		}
	}
	if n%2 == 0 {
		cancel()
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestASubscriberHasOneTopicAndACheckedName(t *testing.T) {
	s := provisioned(t)
	nc := s.connect(t, "sessions")
	sub, err := bus.NewCommandSubscriber(nc, "sessions", bus.SubscriberConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Subscribe(t.Context(), events.SubjectCommand("api-keys")); err == nil {
		t.Error("took another participant's topic")
	}
	for _, name := range []string{"", "*", "a.b", "A", "a b", ">"} {
		if _, err := bus.NewCommandSubscriber(nc, name, bus.SubscriberConfig{}); err == nil {
			t.Errorf("participant %q", name)
		}
		if _, err := bus.NewRequestSubscriber(nc, name, bus.SubscriberConfig{}); err == nil {
			t.Errorf("source %q", name)
		}
		if _, err := bus.NewClient(nc, name); err == nil {
			t.Errorf("client %q", name)
		}
	}
}

func TestAMessageArrivesAsItWasSent(t *testing.T) {
	s := provisioned(t)
	pub, err := bus.NewPublisher(s.connect(t, "orchestrator"), bus.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pub.Close() }()
	_, commands := subscribeCommands(t, s.connect(t, "sessions"), bus.SubscriberConfig{})
	for i, id := range []string{"", "01981f7a-5a3e-7c11-9e0b-3f6f3a1b2c4d"} {
		sent := message.NewMessage("0d1cc8f8-3a3f-4d4e-9a57-0a0a0a0a0a0a", []byte(fmt.Sprint(i)))
		sent.Metadata = message.Metadata{"Ce-Id": "case matters", "traceparent": "00-x", "Nats-Msg-Id": fmt.Sprint(i), "expunge.stream": "not sent"}
		if id != "" {
			sent.UUID, sent.Metadata["ce-id"] = id, id
		}
		if err := pub.Publish(events.SubjectCommand("sessions"), sent); err != nil {
			t.Fatal(err)
		}
		got := take(t, commands)
		if got.UUID != sent.UUID || string(got.Payload) != string(sent.Payload) {
			t.Errorf("%s %q", got.UUID, got.Payload)
		}
		delete(sent.Metadata, "expunge.stream")
		header := bus.HeaderOf(got)
		for k, v := range sent.Metadata {
			if len(header[k]) != 1 || header[k][0] != v {
				t.Errorf("%s: %q", k, header[k])
			}
		}
		if len(header) != len(sent.Metadata) || bus.DeliveryOf(got).Stream != events.StreamCommands {
			t.Errorf("header %v, delivery %+v", header, bus.DeliveryOf(got))
		}
		got.Ack()
	}
}
