package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// openOperations answers operators in the orchestrator's place: everything is done, except
// that there is nothing to resume.
func openOperations(t *testing.T, ours *nats.Conn) <-chan events.Operation {
	t.Helper()
	asked := make(chan events.Operation, 8)
	svc, err := bus.Serve(ours, bus.ServiceConfig{}, []bus.Endpoint{{Name: "operate", Subject: events.SubjectOperate(),
		Handler: func(_ context.Context, c bus.Call) {
			_, op, err := events.Decode[events.Operation](c.Header, c.Data)
			if err != nil {
				t.Error(err)
			}
			asked <- op
			var answer events.Payload = events.Operated{Saga: op.Saga, State: events.Erasing, Replicated: true}
			if op.Verb == events.OpResume {
				answer = events.Problem{Code: events.CodeInvalid, Detail: "there is nothing to resume"}
			}
			if err := c.Reply(encode(t, answer)); err != nil {
				t.Error(err)
			}
		}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Stop() })
	return asked
}

func TestAnOperatorDecidesAndIsToldWhy(t *testing.T) {
	s := provisioned(t)
	asked := openOperations(t, s.connect(t, "orchestrator"))
	o, ctx := bus.NewOperator(s.connect(t, "operator")), within(t, 10*time.Second)

	done, err := o.Operate(ctx, events.Operation{Verb: events.OpRetry, Saga: sagaID, By: "Alex", Ground: "the table is back"})
	if err != nil || done.State != events.Erasing || done.Saga != sagaID {
		t.Errorf("%+v, %v", done, err)
	}
	if op := <-asked; op.Verb != events.OpRetry || op.By != "Alex" || op.Ground != "the table is back" {
		t.Errorf("asked %+v", op)
	}
	_, err = o.Operate(ctx, events.Operation{Verb: events.OpResume, Saga: sagaID, By: "Alex", Ground: "try"})
	var problem *bus.ProblemError
	if !errors.As(err, &problem) || problem.Problem.Detail != "there is nothing to resume" {
		t.Errorf("%v", err)
	}
	<-asked
	if _, err := o.Operate(ctx, events.Operation{Verb: events.OpRetry, Saga: sagaID, Ground: "no name"}); !errors.Is(err, events.ErrMalformed) {
		t.Errorf("a decision without a name: %v", err)
	}
	if len(asked) != 0 {
		t.Error("it was sent")
	}
}

func TestWhoIsNoOperatorIsNotHeard(t *testing.T) {
	s := provisioned(t)
	asked := openOperations(t, s.connect(t, "orchestrator"))
	o := bus.NewOperator(s.connect(t, "billing"))
	if _, err := o.Operate(within(t, 300*time.Millisecond), events.Operation{Verb: events.OpExplain, Saga: sagaID}); err == nil {
		t.Error("a source was answered")
	}
	if len(asked) != 0 {
		t.Error("a source was heard")
	}
}

// TestInDevelopmentWhoHasNoCredentialsMayOperate: the one account that is for trying out,
// beside the operators' own, and no other.
func TestInDevelopmentWhoHasNoCredentialsMayOperate(t *testing.T) {
	s := newStand(t)
	s.cfg.NoAuthSource, s.cfg.NoAuthOperates = "demo", true
	s.start(t)
	asked := openOperations(t, s.connect(t, "orchestrator"))
	look := events.Operation{Verb: events.OpExplain, Saga: sagaID}
	for who, nc := range map[string]*nats.Conn{"nobody": dial(t, bus.Config{URL: s.url}), "operator": s.connect(t, "operator")} {
		if _, err := bus.NewOperator(nc).Operate(within(t, 10*time.Second), look); err != nil {
			t.Errorf("%s: %v", who, err)
		}
		<-asked
	}
	if _, err := bus.NewOperator(s.connect(t, "billing")).Operate(within(t, 300*time.Millisecond), look); err == nil || len(asked) != 0 {
		t.Error("another source was heard")
	}
	s.cfg.NoAuthSource = ""
	_, err := s.cfg.Text()
	requireFaults(t, err, "no_auth_operates")
}
