package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// Let KeepOpen return its argument to see it fail.
func TestRule08_ARouterThatStopsAHandlerLeavesThePublisherOpen(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	pub, err := bus.NewPublisher(ours, bus.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pub.Close() }()
	sub, err := bus.NewRequestSubscriber(ours, "demo", bus.SubscriberConfig{})
	if err != nil {
		t.Fatal(err)
	}
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	command := events.SubjectCommand("sessions")
	handler := router.AddHandler("intake", sub.Topic(), sub, command, bus.KeepOpen(pub), func(msg *message.Message) ([]*message.Message, error) {
		return []*message.Message{message.NewMessage(watermill.NewUUID(), msg.Payload)}, nil
	})
	ended := make(chan error, 1)
	go func() { ended <- router.Run(t.Context()) }()
	<-router.Running()
	store(t, ours, events.SubjectRequested("demo"), "one")
	eventually(t, "the handler has published", func() bool { return streamState(t, ours, events.StreamCommands).Msgs == 1 })

	handler.Stop()
	<-handler.Stopped()
	if err := pub.Publish(command, message.NewMessage(watermill.NewUUID(), nil)); err != nil {
		t.Errorf("after the handler stopped: %v", err)
	}
	if err := router.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// Return from Publisher.send before await to see it fail.
func TestRule08_PublishWaitsForTheStream(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	failed := 0
	pub, err := bus.NewPublisher(ours, bus.Hooks{PublishFailed: func() { failed++ }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := pub.Publish(events.SubjectCommand("sessions"), message.NewMessage(watermill.NewUUID(), nil)); err != nil {
			t.Fatal(err)
		}
		if n := streamState(t, ours, events.StreamCommands).LastSeq; n != uint64(i+1) {
			t.Fatalf("publish %d returned while the stream was at %d", i+1, n)
		}
	}
	if err := pub.Publish("erasure.nowhere", message.NewMessage(watermill.NewUUID(), nil)); !errors.Is(err, bus.ErrNoStream) {
		t.Errorf("no stream: %v", err)
	}
	var refusal *bus.StreamError
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := pub.PublishMessage(ctx, events.SubjectCommand("sessions"), "two", events.Message{Header: events.Header{"x": {"1", "2"}}}); err == nil {
		t.Error("a header with two values was sent")
	}
	expect := events.Message{Header: events.Header{"Nats-Expected-Stream": {"ELSEWHERE"}}}
	if _, err := pub.PublishMessage(ctx, events.SubjectCommand("sessions"), "three", expect); !errors.As(err, &refusal) || refusal.Code == 0 {
		t.Errorf("refused by the stream: %v", err)
	}
	if failed < 2 {
		t.Errorf("%d failures counted", failed)
	}
	if err := pub.Close(); err != nil {
		t.Fatal(err)
	}
	if err := pub.Publish(events.SubjectCommand("sessions"), message.NewMessage(watermill.NewUUID(), nil)); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if !ours.IsConnected() {
		t.Error("the close of the publisher closed its connection")
	}
}

func TestAPublishWithoutABusFailsAtOnceAndIsNotSentLater(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	pub, err := bus.NewPublisher(ours, bus.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	down := make(chan struct{}, 1)
	ours.SetDisconnectErrHandler(func(*nats.Conn, error) { down <- struct{}{} })
	s.server.Shutdown()
	<-down
	if _, err := pub.PublishMessage(within(t, 5*time.Second), events.SubjectCommand("sessions"), "1", events.Message{}); !errors.Is(err, bus.ErrNotSent) {
		t.Errorf("the bus is down: %v", err)
	}
	s.cfg.Port = portOf(t, s.url)
	s.start(t)
	if err := bus.WaitConnected(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	if ack, err := pub.PublishMessage(t.Context(), events.SubjectCommand("sessions"), "2", events.Message{}); err != nil || ack.Sequence != 1 {
		t.Errorf("the first message of the stream: %+v, %v", ack, err)
	}
}

// Put both sources on one stream (StreamRequests without its source) to see it fail: the
// second source's request would be taken for a repeat of the first's.
func TestRule09_SourcesDoNotShareDuplicateDetection(t *testing.T) {
	s := provisioned(t)
	for _, source := range []string{"demo", "billing"} {
		if ack := store(t, s.connect(t, source), events.SubjectRequested(source), "same-id"); ack.Duplicate {
			t.Errorf("%s: taken for another source's request", source)
		}
	}
}

// Remove Duplicates in requestStream to see it fail: the server's default is two minutes.
func TestRule09_TheWindowOfRequestsIsTheShortestThereIs(t *testing.T) {
	s := provisioned(t)
	demo := s.connect(t, "demo")
	first := store(t, demo, events.SubjectRequested("demo"), "same-id")
	eventually(t, "the same id is stored again", func() bool {
		ack := store(t, demo, events.SubjectRequested("demo"), "same-id")
		return !ack.Duplicate && ack.Sequence > first.Sequence
	})
}

func TestADuplicateIsReportedAsOne(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	first := store(t, ours, events.SubjectCommand("sessions"), "issue-1")
	again := store(t, ours, events.SubjectCommand("sessions"), "issue-1")
	next := store(t, ours, events.SubjectCommand("sessions"), "issue-2")
	if first.Duplicate || !again.Duplicate || again.Sequence != first.Sequence || next.Duplicate || next.Sequence != 2 {
		t.Errorf("%+v, %+v, %+v", first, again, next)
	}
}
