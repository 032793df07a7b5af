package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

const shortLease = 900 * time.Millisecond

// hands are clocks that a test stops and moves. Whoever reads a stopped one stands still,
// as a frozen process does.
type hands struct {
	mu    sync.Mutex
	start time.Time
	ahead time.Duration
}

func newHands() *hands { return &hands{start: time.Now()} }

func (h *hands) read() (time.Time, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := time.Since(h.start) + h.ahead
	return h.start.Round(0).Add(since), since
}

// running is an orchestrator beside that of the rig.
type running struct {
	*orchestrator.Orchestrator
	store *flaky
	ended chan error
	stop  func()
}

// beside runs an orchestrator with a store of its own on the rig's bus.
func (r *rig) beside(change func(*orchestrator.Config), clock bus.Clock) *running {
	r.t.Helper()
	store := openStore(r.t)
	cfg := r.config()
	cfg.Store, cfg.Keys = store, openVault(r.t, filepath.Join(r.t.TempDir(), "keys"))
	change(&cfg)
	return r.launch(cfg, store, clock)
}

func (r *rig) launch(cfg orchestrator.Config, store *flaky, clock bus.Clock) *running {
	r.t.Helper()
	o, err := orchestrator.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	o.Lend(shortLease, clock)
	ctx, cancel := context.WithCancel(context.Background())
	out := &running{Orchestrator: o, store: store, ended: make(chan error, 1)}
	joined := make(chan struct{})
	go func() { defer close(joined); out.ended <- o.Run(ctx) }()
	out.stop = func() { cancel(); <-joined }
	r.t.Cleanup(out.stop)
	return out
}

func (o *running) awaitReady(t *testing.T) {
	t.Helper()
	eventually(t, "ready", func() bool { return o.Ready() == nil })
}

func asIs(*orchestrator.Config) {}

func takeOver(c *orchestrator.Config) { c.TakeOver = true }

// newBareRig is a rig whose orchestrator is stopped, and whose lease nobody holds.
func newBareRig(t *testing.T, plan saga.Plan) *rig {
	r := newRig(t, plan)
	r.stop()
	js, err := jetstream.New(r.connect("orchestrator"))
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), events.StreamControl); err != nil {
		t.Fatal(err)
	}
	r.provision()
	return r
}

func TestASecondOrchestratorIsRefusedAndToldWhoHoldsTheBus(t *testing.T) {
	r := newRig(t, twoShares())
	err := <-r.beside(asIs, nil).ended
	held, ok := errors.AsType[*bus.HeldError](err)
	if !ok {
		t.Fatalf("it ran beside the first: %v", err)
	}
	own, err := r.store.Meta(t.Context(), "instance")
	if err != nil || held.Holder.Instance != string(own) || held.Holder.Since.IsZero() {
		t.Errorf("held by %+v, want instance %s (%v)", held.Holder, own, err)
	}
}

func TestALivingOrchestratorIsNotTakenOver(t *testing.T) {
	r := newBareRig(t, twoShares())
	first := r.beside(asIs, nil)
	first.awaitReady(t)
	err := <-r.beside(takeOver, nil).ended
	if held, ok := errors.AsType[*bus.HeldError](err); !ok || !held.Alive {
		t.Fatalf("want that it lives, got %v", err)
	}
	if err := first.Ready(); err != nil {
		t.Errorf("the first one suffered: %v", err)
	}
}

func TestTheSameStoreGoesOnAtOnceUnderTheNextGeneration(t *testing.T) {
	r := newRig(t, twoShares())
	r.restart()
	if g, err := r.store.Meta(t.Context(), "generation"); err != nil || string(g) != "2" {
		t.Errorf("generation %s, %v", g, err)
	}
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	r.await(w, a.Saga)
	for _, p := range account.permits {
		if p.Generation != 2 {
			t.Errorf("permit of generation %d", p.Generation)
		}
	}
}

func TestATakeOverGrantsNothingUntilOlderPermitsAreDead(t *testing.T) {
	plan := twoShares()
	plan.Permit, plan.Margin = time.Second, 100*time.Millisecond
	r := newBareRig(t, plan)
	other := r.beside(asIs, nil)
	other.awaitReady(t)
	other.stop()
	stopped := time.Now()
	next := r.beside(takeOver, nil)
	next.awaitReady(t)
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	r.await(w, a.Saga)
	if since := time.Since(stopped); since < 2*shortLease+plan.Permit+plan.Margin {
		t.Errorf("granted and done %s after the other one's end", since)
	}
	if v, err := next.store.Meta(t.Context(), "quiet_until"); err != nil || len(v) == 0 {
		t.Errorf("a restart would forget to wait: %q, %v", v, err)
	}
}

// TestAFrozenOrchestratorWakesBesideItsSuccessor: it stood still right after its commit.
func TestAFrozenOrchestratorWakesBesideItsSuccessor(t *testing.T) {
	r := newBareRig(t, twoShares())
	h := newHands()
	old := r.beside(asIs, h.read)
	old.awaitReady(t)
	before := r.asks(t, old, "u-before")
	p := r.sends(t, events.SubjectClaim(events.Account, "0"), claimOf(before, "resolve"), events.Account)
	if permit, ok := (<-p).(events.Permit); !ok || permit.Generation != 1 {
		t.Fatalf("the claim before: %+v", permit)
	}
	committed := make(chan struct{})
	old.store.after(func(b storage.Batch) {
		if len(b.Sagas) > 0 {
			h.mu.Lock()
			close(committed)
			old.store.after(nil)
		}
	})
	lone := r.sends(t, events.SubjectRequest("billing"), `{"user_id":"u-frozen"}`, "billing")
	<-committed

	next := r.beside(takeOver, nil)
	next.awaitReady(t)
	claim := r.sends(t, events.SubjectClaim(events.Account, "0"), claimOf(before, "resolve"), events.Account)
	if refusal, ok := (<-claim).(events.Refusal); !ok || refusal.Reason != events.RefusedNotReady {
		t.Fatalf("the successor answers %+v", refusal)
	}
	published := r.lastOf(t, events.StreamEvents)
	h.mu.Unlock() // the old one wakes

	if err := <-old.ended; !errors.Is(err, bus.ErrLeaseLost) {
		t.Errorf("it ended with %v", err)
	}
	select {
	case a := <-lone:
		t.Errorf("it answered what it had committed: %+v", a)
	case a := <-claim:
		t.Errorf("it answered a claim of its successor's time: %+v", a)
	default:
	}
	if now := r.lastOf(t, events.StreamEvents); now != published {
		t.Errorf("it published %d events", now-published)
	}
	if n := r.lastOf(t, events.StreamRequests("billing")); n != 0 {
		t.Errorf("%d requests on the stream", n)
	}
}

func TestAnOrchestratorWhoseBusIsAwayStopsAnsweringAndGoesOnWithIt(t *testing.T) {
	r := newBareRig(t, twoShares())
	o := r.beside(asIs, nil)
	o.awaitReady(t)
	a := r.asks(t, o, "u-1")
	port := portOf(t, r.srv.URL())
	r.srv.Shutdown()
	eventually(t, "without a lease", func() bool { return !o.Holds() })
	if _, err := o.Submit(t.Context(), "billing", events.Request{UserID: "u-2"}); !isProblem(err, events.CodeBusy) {
		t.Errorf("accepted by nobody: %v", err)
	}
	if _, err := o.Status(t.Context(), "billing", a); !isProblem(err, events.CodeBusy) {
		t.Errorf("it answers: %v", err)
	}
	r.bus.Port = port
	srv, err := embedded.Start(embedded.Config{ServerConfig: r.bus})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Shutdown)
	o.awaitReady(t)
	if _, err := o.Submit(t.Context(), "billing", events.Request{UserID: "u-2"}); err != nil {
		t.Errorf("with the bus: %v", err)
	}
}

// asks submits a request and returns the saga.
func (r *rig) asks(t *testing.T, o *running, user string) string {
	t.Helper()
	a, err := o.Submit(t.Context(), "billing", events.Request{UserID: events.Private(user)})
	if err != nil {
		t.Fatal(err)
	}
	return a.Saga
}

func claimOf(id, verb string) string {
	return fmt.Sprintf(`{"saga":%q,"verb":%q,"round":1,"instance":"w","time":"2026-01-01T00:00:00Z"}`, id, verb)
}

// sends asks as somebody, and returns every answer that comes.
func (r *rig) sends(t *testing.T, subject, body, as string) <-chan events.Payload {
	t.Helper()
	nc := r.connect(as)
	out := make(chan events.Payload, 16)
	inbox := nc.NewInbox()
	if _, err := nc.Subscribe(inbox, func(m *nats.Msg) {
		_, p, err := events.DecodeAny(events.Header(m.Header), m.Data)
		if err != nil {
			t.Errorf("%s: %v", subject, err)
		}
		out <- p
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest(subject, inbox, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return out
}

// lastOf returns the last sequence of a stream.
func (r *rig) lastOf(t *testing.T, stream string) uint64 {
	t.Helper()
	m, err := bus.StreamMark(t.Context(), r.connect("orchestrator"), stream)
	if err != nil {
		t.Fatal(err)
	}
	return m.Sequence
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
