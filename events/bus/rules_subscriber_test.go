package bus_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// Remove nats.ManualAck() in binding.jetStream to see it fail: the client then acks when
// the adapter drops the message, and the command is gone.
func TestRule02_WhatNobodyAckedIsStillThereAfterAClose(t *testing.T) {
	s := provisioned(t)
	ours, worker := s.connect(t, "orchestrator"), s.connect(t, "sessions")
	ring(t, ours, "sessions", 1)
	sub, commands := subscribeCommands(t, worker, bus.SubscriberConfig{CloseWait: time.Millisecond})
	take(t, commands) // and never ack
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}

	// The second command's ack goes through the same consumer, behind whatever the close
	// may have sent.
	ring(t, ours, "sessions", 2)
	_, commands = subscribeCommands(t, worker, bus.SubscriberConfig{})
	msg := take(t, commands)
	if d := bus.DeliveryOf(msg); d.Sequence != 2 {
		t.Fatalf("took %+v", d)
	}
	msg.Ack()
	eventually(t, "the second command is acked", func() bool { return !isStored(t, ours, events.StreamCommands, 2) })
	if !isStored(t, ours, events.StreamCommands, 1) {
		t.Error("the first command was acked, and no handler did it")
	}
}

// Remove any of nats.Bind, nats.SkipConsumerLookup, nats.DeliverSubject, DurableCalculator
// or Disabled in binding.jetStream, or set AutoProvision, to see it fail: a worker has no
// right to look up, create or delete anything.
func TestRule03_AWorkerNeedsNoRightAndItsCloseKeepsTheConsumer(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	var complaints atomic.Int64
	worker := dial(t, bus.Config{URL: s.url, NKey: s.keys["sessions"], Hooks: bus.Hooks{AsyncError: func() { complaints.Add(1) }}})
	before := consumerInfo(t, ours, events.StreamCommands, "sessions")

	ring(t, ours, "sessions", 1)
	sub, commands := subscribeCommands(t, worker, bus.SubscriberConfig{})
	take(t, commands).Ack()
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	if err := worker.Flush(); err != nil {
		t.Fatal(err)
	}
	after := consumerInfo(t, ours, events.StreamCommands, "sessions")
	if !after.Created.Equal(before.Created) {
		t.Error("the consumer was made anew")
	}
	if n := complaints.Load(); n != 0 {
		t.Errorf("the server refused %d times", n)
	}
	ring(t, ours, "sessions", 2)
	_, commands = subscribeCommands(t, worker, bus.SubscriberConfig{})
	take(t, commands).Ack()
	requireEmpty(t, ours, events.StreamCommands)
}

// The same for intake, in the account that could look things up and delete them.
func TestRule03_IntakeKeepsItsConsumerOnClose(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	before := consumerInfo(t, ours, events.StreamRequests("demo"), "intake")
	sub, err := bus.NewRequestSubscriber(ours, "demo", bus.SubscriberConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Subscribe(t.Context(), sub.Topic()); err != nil {
		t.Fatal(err)
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	if !consumerInfo(t, ours, events.StreamRequests("demo"), "intake").Created.Equal(before.Created) {
		t.Error("the consumer was made anew")
	}
	if !ours.IsConnected() {
		t.Error("the close of a subscriber closed its connection")
	}
}

// Remove SubscribersCount in Subscriber.adapterConfig to see it fail.
func TestRule04_AsManyMessagesAreWithHandlersAsWasAskedFor(t *testing.T) {
	s := provisioned(t)
	ours, worker := s.connect(t, "orchestrator"), s.connect(t, "sessions")
	_, commands := subscribeCommands(t, worker, bus.SubscriberConfig{Concurrency: 4})
	if err := worker.Flush(); err != nil { // the first of the subscriptions alone would get everything
		t.Fatal(err)
	}
	for i := range bus.CommandsInFlight { // enough for each subscription to get some
		ring(t, ours, "sessions", i)
	}
	var held []*message.Message
	for range 4 {
		held = append(held, take(t, commands))
	}
	for _, msg := range held {
		msg.Ack()
	}
}

// Raise RequestsInFlight in binding.config alone to see it fail: what waits behind other
// messages in the process times out there, and comes twice.
func TestRule04_IntakeIsSentNoMoreThanItsHandlersTake(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	info := consumerInfo(t, ours, events.StreamRequests("demo"), "intake")
	requests := subscribeRequests(t, ours, "demo")
	for i := range 4 * bus.RequestsInFlight {
		store(t, ours, events.SubjectRequested("demo"), fmt.Sprint(i))
	}
	taken := 0
	for range info.Config.MaxAckPending {
		select {
		case msg := <-requests:
			taken++
			defer msg.Ack()
		case <-time.After(200 * time.Millisecond):
		}
	}
	if info.Config.MaxAckPending > bus.RequestsInFlight {
		t.Errorf("%d may be sent, %d are taken", info.Config.MaxAckPending, bus.RequestsInFlight)
	}
	if got := consumerInfo(t, ours, events.StreamCommands, "sessions").Config.MaxAckPending; got != bus.CommandsInFlight {
		t.Errorf("commands in flight: %d", got)
	}
}

// Remove NakDelay in Subscriber.adapterConfig to see it fail: a bare nack comes back at
// once, in a hot loop.
func TestRule04_ANackedMessageComesBackLater(t *testing.T) {
	const least = 150 * time.Millisecond
	s := provisioned(t)
	ring(t, s.connect(t, "orchestrator"), "sessions", 1)
	_, commands := subscribeCommands(t, s.connect(t, "sessions"), bus.SubscriberConfig{NakBase: 2 * least})
	var last time.Time
	for i := range 3 {
		msg := take(t, commands)
		if d := time.Since(last); i > 0 && d < least {
			t.Errorf("delivery %d came after %s", i+1, d)
		}
		if n := bus.DeliveryOf(msg).Deliveries; n != uint64(i+1) {
			t.Errorf("delivery %d says %d", i+1, n)
		}
		last = time.Now()
		msg.Nack()
	}
}

// ring publishes a command without content that matters.
func ring(t *testing.T, nc *nats.Conn, participant string, n int) {
	t.Helper()
	store(t, nc, events.SubjectCommand(participant), fmt.Sprint(participant, n))
}

func store(t *testing.T, nc *nats.Conn, subject, id string) bus.PubAck {
	t.Helper()
	pub, err := bus.NewPublisher(nc, bus.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pub.Close() }()
	ack, err := pub.PublishMessage(t.Context(), subject, id, events.Message{Data: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

func subscribeCommands(t *testing.T, nc *nats.Conn, cfg bus.SubscriberConfig) (*bus.Subscriber, <-chan *message.Message) {
	t.Helper()
	sub, err := bus.NewCommandSubscriber(nc, "sessions", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Close() })
	out, err := sub.Subscribe(t.Context(), sub.Topic())
	if err != nil {
		t.Fatal(err)
	}
	return sub, out
}

func take(t *testing.T, messages <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case msg, open := <-messages:
		if !open {
			t.Fatal("the channel is closed")
		}
		return msg
	case <-time.After(10 * time.Second):
		t.Fatal("no message within 10 s")
	}
	return nil
}

func isStored(t *testing.T, nc *nats.Conn, stream string, sequence uint64) bool {
	t.Helper()
	_, err := openStream(t, nc, stream).GetMsg(t.Context(), sequence)
	return err == nil
}

func consumerInfo(t *testing.T, nc *nats.Conn, stream, name string) *jetstream.ConsumerInfo {
	t.Helper()
	c, err := openStream(t, nc, stream).PushConsumer(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo()
}
