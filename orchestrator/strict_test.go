package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/memory"
)

// config is what start uses, for tests that change one thing.
func (r *rig) config() orchestrator.Config {
	return orchestrator.Config{Store: r.store, Keys: r.vault, Conn: r.connect("orchestrator"),
		Plans:   map[string]saga.Plan{r.plan.Name: r.plan},
		Sources: map[string]orchestrator.Source{"billing": {Realm: "main", Plan: r.plan.Name}, "shop": {Realm: "main", Plan: r.plan.Name, Regime: "ccpa"}},
		Logger:  r.logs.logger(), Registerer: prometheus.NewRegistry()}
}

// again stops the running orchestrator and runs one that is configured otherwise.
func (r *rig) again(change func(*orchestrator.Config)) {
	r.t.Helper()
	r.stop()
	cfg := r.config()
	change(&cfg)
	o, err := orchestrator.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	r.orch, r.ended = o, ended
	r.stop = sync.OnceFunc(func() { cancel(); <-ended })
	r.t.Cleanup(func() { r.stop() })
	eventually(r.t, "ready", func() bool { return o.Ready() == nil })
}

func TestAKeyThatWasUsedForAnotherPersonIsRefused(t *testing.T) {
	r := newRig(t, twoShares())
	c, _ := r.client("billing")
	first, err := c.Request(t.Context(), events.Request{UserID: "u-1", IdempotencyKey: "1"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Request(t.Context(), events.Request{UserID: "u-2", IdempotencyKey: "1"})
	if err == nil && second.Saga == first.Saga {
		t.Error("the erasure of u-2 was acknowledged, and is that of u-1: nobody will ever erase u-2")
	}
}

func TestAnUnknownOutcomeIsNotAnsweredAsNothingRecorded(t *testing.T) {
	r := newRig(t, twoShares())
	r.stop()
	disk := r.store.Store
	r.store.Store = &dying{Store: disk, at: 1, after: true}
	r.start()
	ended := r.ended
	_, err := r.orch.Submit(t.Context(), "billing", events.Request{UserID: person})
	if isProblem(err, events.CodeBusy) {
		n := 0
		for range disk.Live(t.Context()) {
			n++
		}
		t.Errorf("answered %q, and %d saga is on the disk", err, n)
	}
	<-ended
	r.stop = func() {}
}

// inMemory swaps the rig's store for one that can be damaged.
func (r *rig) inMemory() *memory.Store {
	r.stop()
	m := memory.New()
	meta := map[string][]byte{} // the same store to the keys and to the bus
	for _, key := range []string{"keys_file", "instance", "generation"} {
		v, err := r.store.Meta(r.t.Context(), key)
		if err != nil {
			r.t.Fatal(err)
		}
		meta[key] = v
	}
	if err := m.Commit(r.t.Context(), storage.Batch{Log: 1, Meta: meta}); err != nil {
		r.t.Fatal(err)
	}
	r.store.Store = m
	r.start()
	return m
}

// TestWhatWaitsBehindAFailedCommitIsAnswered: it was taken by a door, and recorded nowhere.
func TestWhatWaitsBehindAFailedCommitIsAnswered(t *testing.T) {
	r := newRig(t, twoShares())
	held, release := make(chan struct{}), make(chan struct{})
	r.store.set(func(b storage.Batch) error {
		if len(b.Sagas) == 0 {
			return nil
		}
		close(held)
		<-release
		return errDisk
	})
	nc := r.connect("shop")
	if err := nc.PublishRequest(events.SubjectRequest("shop"), nc.NewInbox(), []byte(`{"user_id":"in-the-way"}`)); err != nil {
		t.Fatal(err)
	}
	<-held
	answer := r.put("billing", events.SubjectRequest("billing"), `{"user_id":"u-1"}`)
	close(release)
	<-r.ended
	r.stop = func() {}
	select {
	case p := <-answer:
		if _, ok := p.(events.Problem); !ok {
			t.Errorf("answer: %+v", p)
		}
	case <-time.After(3 * time.Second):
		t.Error("no answer: its asker waits for its own time-out, or for ever")
	}
}

// shortsighted is a store whose list of live sagas breaks off.
type shortsighted struct{ storage.Store }

func (s shortsighted) Live(ctx context.Context) iter.Seq2[saga.State, error] {
	return func(yield func(saga.State, error) bool) { yield(saga.State{}, errDisk) }
}

func TestAStartThatCannotReadEverySagaFails(t *testing.T) {
	r := newRig(t, twoShares())
	r.stop()
	cfg := r.config()
	cfg.Store = shortsighted{r.store}
	o, err := orchestrator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := o.Run(ctx); !errors.Is(err, errDisk) {
		t.Errorf("ran without the sagas that it could not read: %v", err)
	}
}

func TestADamagedSagaStopsAlone(t *testing.T) {
	r := newRig(t, twoShares())
	disk := r.inMemory()
	c, _ := r.client("billing")
	hurt, err := c.Request(t.Context(), events.Request{UserID: "u-1"})
	if err != nil {
		t.Fatal(err)
	}
	disk.Damage(saga.ID(hurt.Saga))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, _ = c.Cancel(ctx, events.Cancel{Request: hurt.Request})
	if _, err := c.Request(ctx, events.Request{UserID: "u-2"}); err != nil {
		t.Errorf("one damaged saga, and nobody else is served: %v", err)
	}
	select {
	case err := <-r.ended:
		t.Errorf("run: %v", err)
		r.stop = func() {}
	default:
	}
}

func TestNewRefusesWhatTheWireCannotCarry(t *testing.T) {
	r := newRig(t, twoShares())
	for what, change := range map[string]func(*orchestrator.Config){
		"plan name": func(c *orchestrator.Config) {
			p := r.plan
			p.Name = "all of it"
			c.Plans = map[string]saga.Plan{p.Name: p}
			c.Sources = map[string]orchestrator.Source{"billing": {Realm: "main", Plan: p.Name}}
		},
		"realm": func(c *orchestrator.Config) {
			c.Sources = map[string]orchestrator.Source{"billing": {Realm: "main realm", Plan: r.plan.Name}}
		},
		"regime": func(c *orchestrator.Config) {
			c.Regimes = map[string]time.Duration{"gdpr": time.Hour, "the law": time.Hour}
			c.Sources = map[string]orchestrator.Source{"billing": {Realm: "main", Plan: r.plan.Name, Regime: "the law"}}
		},
		"regime without time": func(c *orchestrator.Config) { c.Regimes = map[string]time.Duration{"gdpr": -time.Hour} },
		"identifier type": func(c *orchestrator.Config) {
			p := r.plan
			p.Participants = []saga.Spec{{Name: "account", Yields: []string{"E-Mail"}}}
			c.Plans = map[string]saga.Plan{p.Name: p}
		},
		"ground": func(c *orchestrator.Config) {
			p := r.plan
			p.Participants = []saga.Spec{{Name: "account", Unverified: "no\ncount"}}
			c.Plans = map[string]saga.Plan{p.Name: p}
		},
		"life of a permit": func(c *orchestrator.Config) {
			p := r.plan
			p.Permit = time.Microsecond
			c.Plans = map[string]saga.Plan{p.Name: p}
		},
	} {
		cfg := r.config()
		change(&cfg)
		if _, err := orchestrator.New(cfg); err == nil {
			t.Errorf("%s: taken; the answers or the summary of its sagas can never be encoded", what)
		}
	}
}

func TestASubmitAfterAFailedStartReturns(t *testing.T) {
	r := newRig(t, twoShares())
	r.stop()
	cfg := r.config()
	cfg.Store = closedStore(t)
	o, err := orchestrator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Run(t.Context()); err == nil {
		t.Fatal("ran on a closed store")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = o.Submit(t.Context(), "billing", events.Request{UserID: person})
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		t.Error("still waiting for a writer that never started")
	}
}

func closedStore(t *testing.T) storage.Store {
	s := memory.New()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNoSecondPermitAfterARestart stops and starts with a wall clock that was set an hour
// ahead meanwhile; by the worker's own clock its permit has most of a minute to go.
func TestNoSecondPermitAfterARestart(t *testing.T) {
	r := newRig(t, saga.Plan{Name: "one", Participants: []saga.Spec{{Name: events.Account}}})
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	claim := func(who string) events.Payload {
		return <-r.put(events.Account, events.SubjectClaim(events.Account, "0"),
			fmt.Sprintf(`{"saga":%q,"verb":"resolve","round":1,"instance":%q,"time":"2026-01-01T00:00:00Z"}`, a.Saga, who))
	}
	if _, ok := claim("w1").(events.Permit); !ok {
		t.Fatal("no first permit")
	}
	r.again(func(c *orchestrator.Config) { c.Now = func() time.Time { return time.Now().UTC().Add(time.Hour) } })
	// The step backs off for two seconds at most, then it is open to anybody.
	for range 30 {
		if p, ok := claim("w2").(events.Permit); ok {
			t.Fatalf("w2 got attempt %d while w1 may still act", p.Attempt)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestASagaWhoseBoxCannotBeOpenedIsParkedForAllToSee(t *testing.T) {
	r := newRig(t, twoShares())
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.vault.Destroy(saga.ID(a.Saga)); err != nil { // the keys file was damaged
		t.Fatal(err)
	}
	p := <-r.put(events.Account, events.SubjectClaim(events.Account, "0"),
		fmt.Sprintf(`{"saga":%q,"verb":"resolve","round":1,"instance":"w","time":"2026-01-01T00:00:00Z"}`, a.Saga))
	if f, ok := p.(events.Refusal); !ok || f.Reason != events.RefusedParked {
		t.Errorf("claim: %+v", p)
	}
	st, err := c.Status(t.Context(), a.Saga)
	if err != nil || st.Parked == "" {
		t.Errorf("nobody can help it, and its status says parked=%q, %v", st.Parked, err)
	}
}

func TestADeadLetterNamesItsParticipant(t *testing.T) {
	r := newRig(t, twoShares())
	nc := r.connect(events.Account)
	if _, err := nc.Request(events.SubjectClaim(events.Account, "0"), []byte("{"), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	var got storage.DeadLetter
	eventually(t, "stored", func() bool {
		for d, err := range r.store.DeadLetters(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = d
		}
		return got.Origin != ""
	})
	if got.Source != events.Account {
		t.Errorf("dead letter of the account's worker is from %q", got.Source)
	}
}

func TestTheEventOfAJoinedRequestIsItsOwn(t *testing.T) {
	r := newRig(t, twoShares())
	c, _ := r.client("billing")
	nc := r.connect("billing")
	sub, err := nc.SubscribeSync("erasure.event.accepted.billing")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, regime := range []string{"gdpr", "ccpa"} {
		a, err := c.Request(t.Context(), events.Request{UserID: person, Regime: regime, CorrelationID: fmt.Sprintf("c-%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, a.Request)
	}
	for i, id := range want {
		m, err := sub.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_, e, err := events.Decode[events.Event](events.Header(m.Header), m.Data)
		if err != nil || e.Request != id || e.CorrelationID != fmt.Sprintf("c-%d", i) {
			t.Errorf("accepted %s: event of %s, %s, %v", id, e.Request, e.CorrelationID, err)
		}
	}
}

// spotted is a store with one damaged row in its outbox.
type spotted struct{ storage.Store }

func (s spotted) Outbox(ctx context.Context) iter.Seq2[storage.Message, error] {
	return func(yield func(storage.Message, error) bool) {
		if !yield(storage.Message{}, &storage.DamagedError{What: "message 3/1"}) {
			return
		}
		for m, err := range s.Store.Outbox(ctx) {
			if !yield(m, err) {
				return
			}
		}
	}
}

func TestADamagedOutboxRowDoesNotKeepEverybodyFromStarting(t *testing.T) {
	r := newRig(t, twoShares())
	r.stop()
	cfg := r.config()
	cfg.Store = spotted{r.store}
	o, err := orchestrator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	defer func() { cancel() }()
	for deadline := time.Now().Add(5 * time.Second); o.Ready() != nil && time.Now().Before(deadline); {
		select {
		case err := <-ended:
			t.Fatalf("run: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestIdempotencyKeysAreForgottenAfterTheirNinetyDays(t *testing.T) {
	r := newRig(t, twoShares())
	c, _ := r.client("billing")
	if _, err := c.Request(t.Context(), events.Request{UserID: person, IdempotencyKey: "k"}); err != nil {
		t.Fatal(err)
	}
	var expires atomic.Bool
	r.store.set(func(b storage.Batch) error {
		if !b.Expire.IsZero() {
			expires.Store(true)
		}
		return nil
	})
	r.again(func(c *orchestrator.Config) {
		c.Now = func() time.Time { return time.Now().UTC().Add(91 * 24 * time.Hour) }
	})
	if err := r.orch.ConfirmClock(t.Context(), "ada", "three months have passed"); err != nil {
		t.Fatal(err) // in doubt about the clock nothing expires
	}
	for i := range 20 {
		if _, err := r.orch.Submit(t.Context(), "billing", events.Request{UserID: events.Private(fmt.Sprintf("u-%d", i))}); err != nil {
			t.Fatal(err)
		}
	}
	if !expires.Load() {
		t.Error("no batch lets a key expire: they are kept for ever")
	}
}

func TestAnotherStoreDoesNotDestroyTheKeys(t *testing.T) {
	r := newRig(t, twoShares())
	a, err := r.orch.Submit(t.Context(), "billing", events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	r.stop()
	cfg := r.config()
	cfg.Store = memory.New() // a wrong --data, or a volume that was not mounted
	o, err := orchestrator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_ = o.Run(ctx)
	if !r.vault.Has(saga.ID(a.Saga)) {
		t.Error("a start on the wrong store destroyed the data keys of every saga under way")
	}
}

func TestRunLeavesNothingOnTheConnection(t *testing.T) {
	r := newRig(t, twoShares())
	r.stop()
	cfg := r.config()
	if _, err := bus.StreamMark(t.Context(), cfg.Conn, events.StreamControl); err != nil {
		t.Fatal(err) // the connection's own subscription for answers is made by the first question
	}
	before := cfg.Conn.NumSubscriptions()
	o, err := orchestrator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if n := cfg.Conn.NumSubscriptions(); n != before {
		t.Errorf("New made %d subscriptions; it starts nothing", n-before)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	eventually(t, "ready", func() bool { return o.Ready() == nil })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	// The endpoints are drained, and the connection forgets each when the server has answered.
	eventually(t, "rid of all subscriptions", func() bool { return cfg.Conn.NumSubscriptions() == before })
}

func TestKeysOfASagaThatEndedAreSweptThoughAnotherIsDamaged(t *testing.T) {
	r := newRig(t, twoShares())
	disk := r.inMemory()
	hurt, err := r.orch.Submit(t.Context(), "billing", events.Request{UserID: "u-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.vault.Create("ended-before-its-key-was-destroyed"); err != nil {
		t.Fatal(err)
	}
	disk.Damage(saga.ID(hurt.Saga))
	r.restart()
	if r.vault.Has("ended-before-its-key-was-destroyed") {
		t.Error("one damaged saga keeps the keys of all others")
	}
	if !r.vault.Has(saga.ID(hurt.Saga)) {
		t.Error("its own key is gone")
	}
}

func TestWhatChangesNothingIsCountedToo(t *testing.T) {
	r := newRig(t, twoShares())
	p := <-r.put(events.Account, events.SubjectClaim(events.Account, "0"),
		`{"saga":"none","verb":"erase","round":1,"instance":"w","time":"2026-01-01T00:00:00Z"}`)
	if f, ok := p.(events.Refusal); !ok || f.Reason != events.RefusedUnknown {
		t.Fatalf("claim: %+v", p)
	}
	c, _ := r.client("billing")
	for range 2 {
		if _, err := c.Request(t.Context(), events.Request{UserID: person}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.orch.Submit(t.Context(), "billing", events.Request{UserID: person}); err != nil { // joins, without a key
			t.Fatal(err)
		}
	}
	want := `
# HELP expunge_claims_refused_total Claims refused, by participant and reason.
# TYPE expunge_claims_refused_total counter
expunge_claims_refused_total{participant="account",reason="unknown"} 1
# HELP expunge_requests_total Requests accepted, by source and whether they started a saga or joined one.
# TYPE expunge_requests_total counter
expunge_requests_total{outcome="joined",source="billing"} 3
expunge_requests_total{outcome="started",source="billing"} 1
`
	if err := testutil.GatherAndCompare(r.reg, strings.NewReader(want), "expunge_claims_refused_total", "expunge_requests_total"); err != nil {
		t.Error(err)
	}
}
