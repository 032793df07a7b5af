package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

const sagaID = "01981f7a-5a3e-7c11-9e0b-3f6f3a1b2c4d"

func encode(t *testing.T, p events.Payload) events.Message {
	t.Helper()
	m, err := events.Encode(events.Envelope{ID: "01981f7a-0000-7000-8000-000000000001", Source: "/expunge"}, p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func command() events.Command {
	return events.Command{
		Saga: sagaID, Participant: "sessions", Verb: events.Erase, Round: 1, Issue: 1, Generation: 1,
		ClaimOn: events.SubjectClaim("sessions", "0"), ReportOn: events.SubjectReport("sessions", "0"),
	}
}

func TestACommandIsTakenClaimedAndAckedAcrossAccounts(t *testing.T) {
	s := provisioned(t)
	ours, worker := s.connect(t, "orchestrator"), s.connect(t, "sessions")

	replies := make(chan string, 1)
	svc, err := bus.Serve(ours, bus.ServiceConfig{}, []bus.Endpoint{{
		Name: "claim", Subject: "erasure.claim.*.>",
		Handler: func(_ context.Context, c bus.Call) {
			go func() {
				replies <- c.Token(2)
				if err := c.Reply(encode(t, events.Refusal{Reason: events.RefusedDone})); err != nil {
					t.Error(err)
				}
			}()
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Stop()

	pub, err := bus.NewPublisher(ours, bus.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ack, err := pub.PublishMessage(ctx, events.SubjectCommand("sessions"), "one", encode(t, command()))
	if err != nil || ack.Stream != events.StreamCommands || ack.Sequence != 1 || ack.Duplicate {
		t.Fatalf("published: %+v, %v", ack, err)
	}

	sub, err := bus.NewCommandSubscriber(worker, "sessions", bus.SubscriberConfig{})
	if err != nil {
		t.Fatal(err)
	}
	commands, err := sub.Subscribe(ctx, sub.Topic())
	if err != nil {
		t.Fatal(err)
	}
	msg := <-commands
	d := bus.DeliveryOf(msg)
	if d.Stream != events.StreamCommands || d.Sequence != 1 || d.Deliveries != 1 || d.Poison != "" || d.Stored.IsZero() {
		t.Errorf("delivery: %+v", d)
	}
	_, payload, err := events.DecodeAny(bus.HeaderOf(msg), msg.Payload)
	if err != nil {
		t.Fatal(err)
	}
	got := payload.(events.Command)
	answer, err := bus.Ask(ctx, worker, got.ClaimOn, encode(t, events.Claim{
		Saga: got.Saga, Verb: got.Verb, Round: got.Round, Instance: "w1", Time: time.Now().UTC(),
	}))
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := answer.(events.Refusal); !ok || r.Reason != events.RefusedDone {
		t.Errorf("answer: %#v", answer)
	}
	if who := <-replies; who != "sessions" {
		t.Errorf("claimed by %q", who)
	}
	msg.Ack()
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	if mark, err := bus.StreamMark(ctx, ours, events.StreamCommands); err != nil || mark.Sequence != 1 {
		t.Errorf("mark: %+v, %v", mark, err)
	}
	requireEmpty(t, ours, events.StreamCommands)
}
