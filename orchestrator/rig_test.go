package orchestrator_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/bolt"
	"github.com/expunge-io/expunge/storage/vault"
)

// rig is an orchestrator on a real bus, with workers that keep their shares in memory.
type rig struct {
	t     *testing.T
	plan  saga.Plan
	srv   *embedded.Server
	dir   string // of the bus
	bus   bus.ServerConfig
	keyed string // the file of the data keys
	keys  map[string]bus.Key
	store *flaky
	vault *vault.Keys
	reg   *prometheus.Registry
	logs  *logBuffer

	lend    time.Duration // life of the lease; 0: as it comes
	with    []func(*orchestrator.Config)
	shelves map[string]*shelf
	fatal   bool // the next start ends by itself
	stop    func()
	ended   chan error
	orch    *orchestrator.Orchestrator
}

// newRig starts the bus and an orchestrator for a plan; workers are started by the test.
func newRig(t *testing.T, plan saga.Plan, with ...func(*orchestrator.Config)) *rig {
	t.Helper()
	r := &rig{t: t, plan: plan, with: with, shelves: map[string]*shelf{}, dir: t.TempDir(), keys: map[string]bus.Key{}, store: openStore(t), logs: &logBuffer{}}
	cfg := bus.ServerConfig{Port: -1, StoreDir: r.dir, Orchestrator: []string{r.key("orchestrator")}, Operators: []string{r.key("operator")}}
	for _, name := range []string{"billing", "shop"} {
		cfg.Sources = append(cfg.Sources, bus.Account{Name: name, Keys: []string{r.key(name)}})
	}
	for _, p := range plan.Participants {
		cfg.Participants = append(cfg.Participants, bus.Account{Name: p.Name, Keys: []string{r.key(p.Name)}})
	}
	srv, err := embedded.Start(embedded.Config{ServerConfig: cfg})
	if err != nil {
		t.Fatal(err)
	}
	r.srv, r.bus = srv, cfg
	t.Cleanup(srv.Shutdown)
	r.provision()
	r.keyed = filepath.Join(t.TempDir(), "keys")
	r.vault = openVault(t, r.keyed)
	r.start()
	return r
}

func (r *rig) provision() {
	r.t.Helper()
	if err := bus.Provision(r.t.Context(), r.connect("orchestrator"), r.bus.Topology()); err != nil {
		r.t.Fatal(err)
	}
}

func openStore(t *testing.T) *flaky {
	t.Helper()
	path := filepath.Join(t.TempDir(), "expunge.db")
	s, err := bolt.Open(path, bolt.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &flaky{Store: s, path: path}
}

func openVault(t *testing.T, path string) *vault.Keys {
	t.Helper()
	kek := vault.KEK{1, 2, 3}
	if err := vault.Init(path, kek); err != nil {
		t.Fatal(err)
	}
	k, err := vault.Open(path, kek)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func (r *rig) key(name string) string {
	k, err := bus.NewKey()
	if err != nil {
		r.t.Fatal(err)
	}
	r.keys[name] = k
	return k.Public()
}

func (r *rig) connect(name string) *nats.Conn {
	r.t.Helper()
	nc, err := bus.Connect(bus.Config{URL: r.srv.URL(), NKey: r.keys[name], Name: name})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := bus.WaitConnected(r.t.Context(), nc); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	return nc
}

// start runs an orchestrator on the rig's store; stop ends it.
func (r *rig) start() {
	r.t.Helper()
	r.reg = prometheus.NewRegistry()
	cfg := orchestrator.Config{Store: r.store, Keys: r.vault, Conn: r.connect("orchestrator"),
		Plans:   map[string]saga.Plan{r.plan.Name: r.plan},
		Sources: map[string]orchestrator.Source{"billing": {Realm: "main", Plan: r.plan.Name}, "shop": {Realm: "main", Plan: r.plan.Name, Regime: "ccpa"}},
		Logger:  r.logs.logger(), Registerer: r.reg}
	for _, f := range r.with {
		f(&cfg)
	}
	o, err := orchestrator.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.lend > 0 {
		o.Lend(r.lend, nil)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	r.orch, r.ended = o, ended
	if r.fatal {
		r.t.Cleanup(cancel)
		return
	}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("run: %v", err)
		}
	})
	r.t.Cleanup(func() { r.stop() })
	eventually(r.t, "ready", func() bool { return o.Ready() == nil })
}

// restart stops the orchestrator and starts another on the same store.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

func (r *rig) client(source string) (*bus.Client, *bus.Watch) {
	r.t.Helper()
	c, err := bus.NewClient(r.connect(source), source)
	if err != nil {
		r.t.Fatal(err)
	}
	w, err := c.Watch(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return c, w
}

// await returns the summary of a saga, or fails the test.
func (r *rig) await(w *bus.Watch, id string) (events.Summary, []byte) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	sum, raw, err := w.Await(ctx, id)
	if err != nil {
		r.t.Fatalf("summary of %s: %v\n%s", id, err, r.logs)
	}
	return sum, raw
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not %s in time", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// shelf is one participant's system: items by user, and a worker written with nothing but
// the bus, apart from the SDK.
type shelf struct {
	name  string
	kind  events.Kind
	yield func(user string) []events.Identifier
	finds map[string][]string // users by attribute; set: it names them

	mu      sync.Mutex
	items   map[string]int64
	deleted map[string]int64 // effective deletions
	permits []events.Permit
	lie     bool // says erased and keeps everything
	deaf    bool // takes a permit and never reports
	deafTo  events.Verb
	asleep  map[string]string // user: what a restore needs
	refused []events.Receipt  // to prepared
	book    *ledger           // nil: nobody looks
}

func newShelf(name string, kind events.Kind, items map[string]int64) *shelf {
	return &shelf{name: name, kind: kind, items: items, deleted: map[string]int64{}}
}

// serve runs the shelf's worker until the test ends.
func (r *rig) serve(s *shelf) {
	r.t.Helper()
	r.shelves[s.name] = s
	nc := r.connect(s.name)
	sub, err := bus.NewCommandSubscriber(nc, s.name, bus.SubscriberConfig{})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	messages, err := sub.Subscribe(ctx, sub.Topic())
	if err != nil {
		r.t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for m := range messages {
			_, cmd, err := events.Decode[events.Command](bus.HeaderOf(m), m.Payload)
			if err != nil {
				r.t.Errorf("command: %v", err)
				m.Ack()
				continue
			}
			all.Go(func() {
				asked := time.Now()
				p, err := s.ask(ctx, nc, cmd.ClaimOn, events.Claim{Saga: cmd.Saga, Verb: cmd.Verb, Round: cmd.Round, Instance: "w-" + s.name, Time: time.Now().UTC()})
				if err != nil {
					m.Nack()
					return
				}
				m.Ack()
				if permit, ok := p.(events.Permit); ok {
					s.work(ctx, nc, cmd, permit, asked)
				}
			})
		}
	})
	r.t.Cleanup(func() { cancel(); _ = sub.Close(); all.Wait() })
}

func (s *shelf) ask(ctx context.Context, nc *nats.Conn, subject string, p events.Payload) (events.Payload, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	m, err := events.Encode(events.Envelope{ID: nats.NewInbox()[7:], Source: "/test", Time: time.Now()}, p)
	if err != nil {
		return nil, err
	}
	return bus.Ask(ctx, nc, subject, m)
}

func (s *shelf) work(ctx context.Context, nc *nats.Conn, cmd events.Command, p events.Permit, asked time.Time) {
	g := s.book.granted(s.name, p, asked)
	s.book.think(ctx)
	if p.Verb == events.Suspend && !s.prepare(ctx, nc, cmd, p) {
		return
	}
	if !s.book.acts(g) {
		return
	}
	rep, ok := s.do(p)
	s.book.done(g)
	if ok {
		s.tell(ctx, nc, cmd, rep)
	}
}

// tell reports until it is answered.
func (s *shelf) tell(ctx context.Context, nc *nats.Conn, cmd events.Command, rep events.Report) events.Receipt {
	for ctx.Err() == nil {
		p, err := s.ask(ctx, nc, cmd.ReportOn, rep)
		if r, ok := p.(events.Receipt); ok && err == nil {
			return r
		}
		time.Sleep(20 * time.Millisecond)
	}
	return events.Receipt{}
}

// prepare is the first half of a suspend, and reports whether the second may follow.
func (s *shelf) prepare(ctx context.Context, nc *nats.Conn, cmd events.Command, p events.Permit) bool {
	s.mu.Lock()
	undo := events.Private("awake")
	if s.asleep[userOf(p)] != "" {
		undo = "was asleep"
	}
	s.mu.Unlock()
	r := s.tell(ctx, nc, cmd, events.Report{Saga: p.Saga, Verb: p.Verb, Round: p.Round, Permit: p.Permit, Verdict: events.Prepared, Undo: undo})
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Outcome != events.Took {
		s.refused = append(s.refused, r)
		return false
	}
	if s.asleep == nil {
		s.asleep = map[string]string{}
	}
	s.asleep[userOf(p)] = r.Undo.Reveal()
	return true
}

// userOf returns the user id of a permit; empty: nobody knows it yet.
func userOf(p events.Permit) string {
	for _, id := range p.Identifiers {
		if id.Type == events.UserID {
			return id.Value.Reveal()
		}
	}
	return ""
}

// names says whose the attributes of a permit are.
func (s *shelf) names(p events.Permit) (out []events.Identifier, n int64) {
	for _, id := range p.Identifiers {
		for _, user := range s.finds[id.Value.Reveal()] {
			if s.items[user] > 0 {
				out = append(out, events.Identifier{Type: events.UserID, Value: events.Private(user)})
			}
			n += s.items[user]
		}
	}
	return out, n
}

func (s *shelf) do(p events.Permit) (rep events.Report, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.permits = append(s.permits, p)
	user := userOf(p)
	n := s.items[user]
	rep = events.Report{Saga: p.Saga, Verb: p.Verb, Round: p.Round, Permit: p.Permit, Verdict: events.Absent}
	switch p.Verb {
	case events.Resolve:
		if s.finds != nil {
			rep.Identifiers, n = s.names(p)
		}
		if n > 0 {
			rep.Verdict = events.Resolved
			rep.Counts = events.Counts{s.kind: n}
			if s.yield != nil {
				rep.Identifiers = s.yield(user)
			}
		}
	case events.Erase:
		if n > 0 {
			rep.Verdict, rep.Counts = events.Erased, events.Counts{s.kind: n}
		}
		if !s.lie {
			s.items[user] = 0
			s.deleted[user] += n
			n = 0
		}
		rep.Remaining = &n
	case events.Suspend:
		rep.Verdict, rep.Counts = events.Suspended, events.Counts{s.kind: n}
	case events.Restore:
		rep.Verdict = events.Restored
		if p.Undo.Reveal() != s.asleep[user] {
			rep.Verdict, rep.Class, rep.Code = events.Failed, events.Misconfigured, "wrong_undo"
			break
		}
		delete(s.asleep, user)
	case events.Verify:
		rep.Verdict, rep.Remaining = events.Counted, &n
	}
	return rep, !s.deaf && s.deafTo != p.Verb
}

func (s *shelf) total(user string) (left, deleted int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.items[user], s.deleted[user]
}

// flaky is a store that can be told to fail or to hang.
type flaky struct {
	storage.Store
	path string
	mu   sync.Mutex
	hook func(storage.Batch) error
	then func(storage.Batch)
}

// after calls f after each commit, from the writer.
func (f *flaky) after(then func(storage.Batch)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.then = then
}

func (f *flaky) set(hook func(storage.Batch) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

func (f *flaky) Commit(ctx context.Context, b storage.Batch) error {
	f.mu.Lock()
	hook := f.hook
	f.mu.Unlock()
	if hook != nil {
		if err := hook(b); err != nil {
			return err
		}
	}
	err := f.Store.Commit(ctx, b)
	f.mu.Lock()
	then := f.then
	f.mu.Unlock()
	if then != nil {
		then(b)
	}
	return err
}

var errDisk = errors.New("input/output error")
