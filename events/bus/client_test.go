package bus_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// office answers the three requests of sources in the orchestrator's place.
type office struct {
	ours   *nats.Conn
	answer map[string]events.Payload // by the verb of the subject
	asked  chan events.Payload
}

func openOffice(t *testing.T, s *stand) *office {
	t.Helper()
	o := &office{ours: s.connect(t, "orchestrator"), asked: make(chan events.Payload, 8), answer: map[string]events.Payload{
		"request": events.Acceptance{Saga: sagaID, Request: "r-1", State: events.Resolving, Due: noon},
		"status":  events.Status{Saga: sagaID, State: events.Erasing, Due: noon, Started: noon},
		"cancel":  events.Cancellation{Saga: sagaID, Request: "r-1", Result: events.CancelledSaga, State: events.Cancelled, Replicated: true},
	}}
	var endpoints []bus.Endpoint
	for verb := range o.answer {
		endpoints = append(endpoints, bus.Endpoint{Name: verb, Subject: "erasure." + verb + ".*", Handler: func(_ context.Context, c bus.Call) {
			_, p, err := events.DecodeAny(c.Header, c.Data)
			if err != nil {
				t.Error(err)
			}
			o.asked <- p
			if err := c.Reply(encode(t, o.answer[verb])); err != nil {
				t.Error(err)
			}
		}})
	}
	svc, err := bus.Serve(o.ours, bus.ServiceConfig{}, endpoints)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Stop() })
	return o
}

// finish publishes a summary and returns its bytes.
func (o *office) finish(t *testing.T, source, saga string) []byte {
	t.Helper()
	m := encode(t, events.Summary{
		Saga: saga, Plan: "default", PlanDigest: "d", State: events.NotFound,
		Started: noon, Due: noon, Ended: noon, HistoryHead: "h",
	})
	pub, err := bus.NewPublisher(o.ours, bus.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pub.Close() }()
	if _, err := pub.PublishMessage(t.Context(), events.SubjectSummary(source), saga, m); err != nil {
		t.Fatal(err)
	}
	return m.Data
}

func newClient(t *testing.T, s *stand, source string) *bus.Client {
	t.Helper()
	c, err := bus.NewClient(s.connect(t, source), source)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestASourceAsksCancelsAndLooks(t *testing.T) {
	s := provisioned(t)
	o, c, ctx := openOffice(t, s), newClient(t, s, "billing"), within(t, 10*time.Second)

	accepted, err := c.Request(ctx, events.Request{UserID: "u-1"})
	if err != nil || accepted.Saga != sagaID {
		t.Errorf("request: %+v, %v", accepted, err)
	}
	if r, ok := (<-o.asked).(events.Request); !ok || r.UserID.Reveal() != "u-1" {
		t.Errorf("asked %#v", r)
	}
	status, err := c.Status(ctx, sagaID)
	if err != nil || status.State != events.Erasing {
		t.Errorf("status: %+v, %v", status, err)
	}
	cancelled, err := c.Cancel(ctx, events.Cancel{Request: "r-1"})
	if err != nil || cancelled.State != events.Cancelled {
		t.Errorf("cancel: %+v, %v", cancelled, err)
	}
}

func TestAProblemIsAnErrorWithItsCode(t *testing.T) {
	s := provisioned(t)
	o, c := openOffice(t, s), newClient(t, s, "billing")
	o.answer["cancel"] = events.Problem{Code: events.CodeTooLate, Detail: "the erasure has begun"}
	_, err := c.Cancel(within(t, 10*time.Second), events.Cancel{Request: "r-1"})
	var problem *bus.ProblemError
	if !errors.As(err, &problem) || problem.Problem.Code != events.CodeTooLate {
		t.Errorf("%v", err)
	}
	o.answer["request"] = events.Welcome{Time: noon}
	if _, err := c.Request(within(t, 10*time.Second), events.Request{UserID: "u-1"}); !errors.Is(err, events.ErrUnknownType) {
		t.Errorf("an answer of another type: %v", err)
	}
}

func TestWithoutAnOrchestratorAskingFailsAtOnce(t *testing.T) {
	s := provisioned(t)
	c := newClient(t, s, "billing")
	if _, err := c.Request(within(t, 10*time.Second), events.Request{UserID: "u-1"}); !errors.Is(err, bus.ErrNoAnswer) {
		t.Errorf("%v", err)
	}
}

func TestAnInvalidRequestIsNotSent(t *testing.T) {
	s := provisioned(t)
	o, c, ctx := openOffice(t, s), newClient(t, s, "billing"), within(t, 10*time.Second)
	_, err := c.Request(ctx, events.Request{})
	if !errors.Is(err, events.ErrMalformed) {
		t.Errorf("request: %v", err)
	}
	if _, err := c.Publish(ctx, events.Request{}, "id-1"); !errors.Is(err, events.ErrMalformed) {
		t.Errorf("publish: %v", err)
	}
	select {
	case p := <-o.asked:
		t.Errorf("asked %#v", p)
	default:
	}
	if n := streamState(t, o.ours, events.StreamRequests("billing")).LastSeq; n != 0 {
		t.Errorf("stored %d", n)
	}
}

func TestAPublishedRequestWaitsForTheOrchestratorAndItsIDIsItsKey(t *testing.T) {
	s := provisioned(t)
	c, ctx := newClient(t, s, "billing"), within(t, 10*time.Second)
	ack, err := c.Publish(ctx, events.Request{UserID: "u-1"}, "order-17")
	if err != nil || ack.Sequence != 1 {
		t.Fatalf("%+v, %v", ack, err)
	}
	ours := s.connect(t, "orchestrator")
	msg := take(t, subscribeRequests(t, ours, "billing"))
	env, p, err := events.Decode[events.Request](bus.HeaderOf(msg), msg.Payload)
	if err != nil || env.ID != "order-17" || env.Source != "/sources/billing" || p.UserID.Reveal() != "u-1" {
		t.Errorf("%+v, %v", env, err)
	}
	dispose(t, ours, msg)
}

func TestNoSummaryIsMissedBetweenTheAnswerAndTheWait(t *testing.T) {
	s := provisioned(t)
	o, c, ctx := openOffice(t, s), newClient(t, s, "billing"), within(t, 10*time.Second)
	w, err := c.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	o.finish(t, "billing", "another-saga")
	want := o.finish(t, "billing", sagaID)
	summary, data, err := w.Await(ctx, sagaID)
	if err != nil || summary.State != events.NotFound || !bytes.Equal(data, want) {
		t.Errorf("%+v, %v", summary, err)
	}
	if _, _, err := w.Await(within(t, time.Millisecond), sagaID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a summary was given twice: %v", err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, _, err := w.Await(ctx, "never")
		waiting <- err
	}()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; !errors.Is(err, bus.ErrClosed) {
		t.Errorf("closed while waiting: %v", err)
	}
}

func TestASourceSeesNoSummaryOfAnother(t *testing.T) {
	s := provisioned(t)
	o, c, ctx := openOffice(t, s), newClient(t, s, "billing"), within(t, 10*time.Second)
	w, err := c.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	o.finish(t, "demo", sagaID)
	o.finish(t, "billing", "own-saga")
	if _, _, err := w.Await(ctx, "own-saga"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Await(within(t, 50*time.Millisecond), sagaID); err == nil {
		t.Error("it came")
	}
}
