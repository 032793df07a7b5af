package participants_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
)

// world is a real server with accounts: one for us, one for the participant profiles.
type world struct {
	*participantstest.Orchestrator
	server     *embedded.Server
	ours, them bus.Key
	nc         *nats.Conn // of the orchestrator
	js         jetstream.JetStream
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Orchestrator: participantstest.NewOrchestrator("profiles", person()...), ours: newKey(t), them: newKey(t)}
	cfg := bus.ServerConfig{
		Port:         -1,
		StoreDir:     t.TempDir(),
		Orchestrator: []string{w.ours.Public()},
		Participants: []bus.Account{{Name: "profiles", Keys: []string{w.them.Public()}}},
	}
	var err error
	if w.server, err = embedded.Start(embedded.Config{ServerConfig: cfg}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.server.Shutdown)
	w.nc = w.connect(t, w.ours)
	if err := bus.Provision(t.Context(), w.nc, cfg.Topology()); err != nil {
		t.Fatal(err)
	}
	if w.js, err = jetstream.New(w.nc); err != nil {
		t.Fatal(err)
	}
	return w
}

func newKey(t *testing.T) bus.Key {
	t.Helper()
	k, err := bus.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *world) connect(t *testing.T, k bus.Key) *nats.Conn {
	t.Helper()
	nc := dial(t, w.server.URL(), k)
	t.Cleanup(nc.Close)
	return nc
}

func dial(t *testing.T, url string, k bus.Key) *nats.Conn {
	t.Helper()
	nc, err := bus.Connect(bus.Config{URL: url, NKey: k})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := bus.WaitConnected(ctx, nc); err != nil {
		t.Fatal(err)
	}
	return nc
}

// serve answers claims, reports and hellos of the bus as the orchestrator in memory does.
func (w *world) serve(t *testing.T) {
	t.Helper()
	service, err := bus.Serve(w.nc, bus.ServiceConfig{}, []bus.Endpoint{
		{Name: "claim", Subject: events.SubjectClaim("*", ">"), Handler: w.answer},
		{Name: "report", Subject: events.SubjectReport("*", ">"), Handler: w.answer},
		{Name: "hello", Subject: events.SubjectHello("*"), Handler: w.answer},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Stop() })
}

// answer leaves a call unanswered where the orchestrator in memory is silent.
func (w *world) answer(_ context.Context, call bus.Call) {
	go func() {
		env, m, err := events.DecodeAny(call.Header, call.Data)
		if err != nil {
			m = events.Report{} // what the wire does not take is answered with a problem
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		answer, err := w.Ask(ctx, call.Subject, env, m)
		if err != nil {
			return
		}
		if out, err := events.Encode(events.Envelope{ID: "a", Source: "/expunge", Time: time.Now().UTC()}, answer); err == nil {
			_ = call.Reply(out)
		}
	}()
}

// work runs a worker of the participant until the end of the test, or until stop.
func (w *world) work(t *testing.T, p participants.Participant) (stop func()) {
	t.Helper()
	nc := w.connect(t, w.them)
	worker, err := participants.NewWorker(participants.Config{
		Name: "profiles", Participant: p, Bus: participants.OverNATS(nc),
		AnswerTimeout: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx); close(ended) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("worker: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// command puts a command into its stream.
func (w *world) command(t *testing.T, c events.Command) {
	t.Helper()
	m, err := events.Encode(events.Envelope{ID: c.Saga + "-" + time.Now().String(), Source: "/expunge", Subject: c.Saga, Time: time.Now().UTC()}, c)
	if err != nil {
		t.Fatal(err)
	}
	w.raw(t, m.Header, m.Data)
}

func (w *world) raw(t *testing.T, h events.Header, data []byte) {
	t.Helper()
	_, err := w.js.PublishMsg(t.Context(), &nats.Msg{Subject: events.SubjectCommand("profiles"), Header: nats.Header(h), Data: data})
	if err != nil {
		t.Fatal(err)
	}
}

// nextReport waits for a report.
func (w *world) nextReport(t *testing.T) events.Report {
	t.Helper()
	select {
	case r := <-w.Reports:
		return r
	case <-time.After(time.Minute):
		t.Fatal("no report within a minute")
		return events.Report{}
	}
}

// drained waits until the command stream is empty: every command was acked.
func (w *world) drained(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		s, err := w.js.Stream(t.Context(), events.StreamCommands)
		if err != nil {
			t.Fatal(err)
		}
		left := s.CachedInfo().State.Msgs
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d commands are left in the stream", left)
		}
		<-time.After(20 * time.Millisecond)
	}
}
