package bus_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// Without mayAnswer the answer would be stored as a command, with our rights.
func TestARequestThatWantsItsAnswerElsewhereIsDroppedBeforeItsHandler(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	var dropped, handled atomic.Int64
	serveOne(t, ours, bus.ServiceConfig{Hooks: bus.Hooks{Dropped: func(endpoint string) {
		if endpoint == "claim" {
			dropped.Add(1)
		}
	}}}, func(_ context.Context, c bus.Call) {
		handled.Add(1)
		_ = c.Reply(events.Message{Data: []byte(`{}`)})
	})
	subject := events.SubjectClaim("sessions", "0")
	elsewhere := []string{"", events.SubjectCommand("api-keys"), "$JS.API.STREAM.PURGE.ERASURE_COMMANDS", bus.SubjectLease, "_R_", "_INBOX", "_INBOXES.x", "x._INBOX.y"}
	for _, reply := range elsewhere {
		if err := ours.PublishMsg(&nats.Msg{Subject: subject, Reply: reply}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ours.Request(subject, nil, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if dropped.Load() != int64(len(elsewhere)) || handled.Load() != 1 {
		t.Errorf("dropped %d, handled %d; want %d and 1", dropped.Load(), handled.Load(), len(elsewhere))
	}
	if n := streamState(t, ours, events.StreamCommands).LastSeq; n != 0 {
		t.Errorf("an answer became command %d", n)
	}
}

func TestAnswersMayComeLaterInAnyOrderFromAnotherGoroutine(t *testing.T) {
	s := provisioned(t)
	calls := make(chan bus.Call, 2)
	serveOne(t, s.connect(t, "orchestrator"), bus.ServiceConfig{}, func(_ context.Context, c bus.Call) { calls <- c })
	worker := s.connect(t, "sessions")
	answers := make(chan string, 2)
	for _, partition := range []string{"a", "b"} {
		go func() {
			m, err := worker.Request(events.SubjectClaim("sessions", partition), nil, 10*time.Second)
			if err != nil {
				answers <- err.Error()
				return
			}
			answers <- partition + string(m.Data)
		}()
	}
	first, second := <-calls, <-calls
	for _, c := range []bus.Call{second, first} {
		if err := c.Reply(events.Message{Data: []byte(c.Token(3))}); err != nil {
			t.Fatal(err)
		}
		if got := <-answers; got != c.Token(3)+c.Token(3) {
			t.Errorf("answer %q for %s", got, c.Subject)
		}
	}
}

func TestServicesAreListedAndDescribed(t *testing.T) {
	s := provisioned(t)
	serveOne(t, s.connect(t, "orchestrator"), bus.ServiceConfig{Version: "1.2.3", Description: "erases"}, func(context.Context, bus.Call) {})
	operator := s.connect(t, "operator")
	m, err := operator.Request("$SRV.INFO.expunge", nil, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		Name, Version, Description string
		Endpoints                  []struct{ Name, Subject string }
	}
	if err := json.Unmarshal(m.Data, &info); err != nil {
		t.Fatal(err)
	}
	if info.Name != "expunge" || info.Version != "1.2.3" || len(info.Endpoints) != 1 || info.Endpoints[0].Subject != "erasure.claim.*.>" {
		t.Errorf("%+v", info)
	}
}

func TestAStoppedServiceTakesNoCallsAndAnswersWhatItHas(t *testing.T) {
	s := provisioned(t)
	calls := make(chan bus.Call, 1)
	ended := make(chan struct{})
	ours := s.connect(t, "orchestrator")
	svc, err := bus.Serve(ours, bus.ServiceConfig{}, []bus.Endpoint{{Name: "claim", Subject: "erasure.claim.*.>", Handler: func(ctx context.Context, c bus.Call) {
		context.AfterFunc(ctx, func() { close(ended) })
		calls <- c
	}}})
	if err != nil {
		t.Fatal(err)
	}
	worker := s.connect(t, "sessions")
	answer := make(chan error, 1)
	go func() {
		_, err := worker.Request(events.SubjectClaim("sessions", "0"), nil, 10*time.Second)
		answer <- err
	}()
	c := <-calls
	if err := svc.Stop(); err != nil {
		t.Fatal(err)
	}
	<-ended
	if err := c.Reply(events.Message{}); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Error(err)
	}
	eventually(t, "nobody serves claims", func() bool {
		_, err := worker.Request(events.SubjectClaim("sessions", "0"), nil, 100*time.Millisecond)
		return err != nil
	})
	if err := svc.Stop(); err != nil {
		t.Errorf("stopped twice: %v", err)
	}
}

func TestServeRefusesAnEndpointThatCannotBe(t *testing.T) {
	s := provisioned(t)
	_, err := bus.Serve(s.connect(t, "orchestrator"), bus.ServiceConfig{}, []bus.Endpoint{{Name: "not a name", Subject: "x"}})
	if err == nil {
		t.Error("taken")
	}
}

// serveOne serves claims until the test ends.
func serveOne(t *testing.T, nc *nats.Conn, cfg bus.ServiceConfig, h bus.Handler) {
	t.Helper()
	svc, err := bus.Serve(nc, cfg, []bus.Endpoint{{Name: "claim", Subject: "erasure.claim.*.>", Handler: h}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Stop() })
}
