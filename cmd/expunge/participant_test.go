package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
	"github.com/expunge-io/expunge/participants"
)

// drawers are folders, one for each user, whose files are the items.
type drawers struct{ folder string }

func (d drawers) Erase(_ context.Context, t participants.Task) (participants.Result, error) {
	n, err := d.each(t, os.Remove)
	if n == 0 {
		return participants.Result{Verdict: events.Absent}, err
	}
	return participants.Result{Verdict: events.Erased, Counts: events.Counts{"files": n}}, err
}

func (d drawers) Count(_ context.Context, t participants.Task) (events.Counts, error) {
	n, err := d.each(t, func(string) error { return nil })
	return events.Counts{"files": n}, err
}

func (d drawers) each(t participants.Task, do func(path string) error) (n int64, err error) {
	for _, user := range t.Values(events.UserID) {
		files, err := filepath.Glob(filepath.Join(d.folder, filepath.Base(user), "*"))
		if err != nil {
			return n, err
		}
		for _, f := range files {
			if err := do(f); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

const drawersFile = `
subject: [{type: user_id, value: u-check-0042}]
neighbour: [{type: user_id, value: u-check-00421}]
unknown: [{type: user_id, value: u-check-9999}]
commands:
  seed: [sh, -c, "mkdir -p u-check-0042 u-check-00421 && rm -f u-check-*/* && touch u-check-0042/a u-check-0042/b u-check-00421/c"]
  count: [sh, -c, "ls $EXPUNGE_VALUE 2>/dev/null | wc -l"]
`

// otherBus is a bus that was there before, with the seeds of its users.
type otherBus struct {
	server       *embedded.Server
	orchestrator bus.Key
	seed, file   string // of the orchestrator's user; of the check
	worker       *nats.Conn
}

func newOtherBus(t *testing.T) *otherBus {
	t.Helper()
	var keys [2]bus.Key
	for i := range keys {
		key, err := bus.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = key
	}
	dir := t.TempDir()
	b := &otherBus{orchestrator: keys[0], seed: filepath.Join(dir, "orchestrator.seed"), file: filepath.Join(dir, "check.yaml")}
	if err := b.orchestrator.Save(b.seed); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.file, []byte(drawersFile), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	b.server, err = embedded.Start(embedded.Config{ServerConfig: bus.ServerConfig{
		Port: -1, StoreDir: filepath.Join(dir, "bus"), Orchestrator: []string{keys[0].Public()},
		Participants: []bus.Account{{Name: "drawers", Keys: []string{keys[1].Public()}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.server.Shutdown)
	b.worker = b.connect(t, keys[1])
	return b
}

func (b *otherBus) connect(t *testing.T, key bus.Key) *nats.Conn {
	t.Helper()
	nc, err := bus.Connect(bus.Config{URL: b.server.URL(), NKey: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := bus.WaitConnected(t.Context(), nc); err != nil {
		t.Fatal(err)
	}
	return nc
}

// run checks the drawers' worker on the bus.
func (b *otherBus) run(args ...string) (code int, out, complaints string) {
	var o, e bytes.Buffer
	code = execute(append([]string{"participant", "check", "drawers", b.file, "--nats", b.server.URL(), "--nkey", b.seed}, args...),
		world{out: &o, err: &e, getenv: func(string) string { return "" }})
	return code, o.String(), e.String()
}

func TestAWorkerIsCheckedOnABusThatIsThere(t *testing.T) {
	b := newOtherBus(t)
	w, err := participants.NewWorker(participants.Config{
		Name: "drawers", Participant: drawers{filepath.Dir(b.file)}, Bus: participants.OverNATS(b.worker),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	code, out, complaints := b.run("--only", "acts again")
	if code != exitOK || !strings.Contains(out, "pass  acts again in a new round\n1 passed, 0 failed\n") {
		t.Errorf("exit code %d\n%s%s", code, out, complaints)
	}
}

func TestNobodyIsCheckedBesideAnOrchestrator(t *testing.T) {
	b := newOtherBus(t)
	nc := b.connect(t, b.orchestrator)
	service, err := bus.Serve(nc, bus.ServiceConfig{}, []bus.Endpoint{{
		Name: "claim", Subject: events.SubjectClaim("*", ">"),
		Handler: func(_ context.Context, call bus.Call) {
			m, err := events.Encode(events.Envelope{ID: "1", Source: "/expunge", Time: time.Now().UTC()}, events.Refusal{Reason: events.RefusedUnknown})
			if err == nil {
				_ = call.Reply(m)
			}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = service.Stop() }()
	code, _, complaints := b.run()
	if code != exitFailed || !strings.Contains(complaints, "somebody answers the claims of drawers") || !strings.Contains(complaints, "stop the orchestrator there") {
		t.Errorf("exit code %d: %s", code, complaints)
	}
}
