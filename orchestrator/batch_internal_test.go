package orchestrator

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage/memory"
	"github.com/expunge-io/expunge/storage/vault"
)

// desk is an orchestrator without a bus and without goroutines: the test says what is in
// which batch. Its clock moves when it is told to. Ids ascend over all of a process, so that
// one must be made in a bubble: real time is decades ahead of those of other tests.
type desk struct {
	t     *testing.T
	o     *Orchestrator
	store *memory.Store
	off   time.Duration // of the wall clock
}

// oneShare is a plan of one participant, which the desk plays.
func oneShare() saga.Plan {
	return saga.Plan{Name: "all", Participants: []saga.Spec{{Name: "account"}}}
}

func newDesk(t *testing.T, plan saga.Plan, with ...func(*Config)) *desk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := vault.Init(path, vault.KEK{1}); err != nil {
		t.Fatal(err)
	}
	keys, err := vault.Open(path, vault.KEK{1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keys.Close() })
	d := &desk{t: t, store: memory.New()}
	cfg := Config{Store: d.store, Keys: keys, Conn: &nats.Conn{}, Plans: map[string]saga.Plan{plan.Name: plan},
		Sources: map[string]Source{"billing": {Realm: "main", Plan: plan.Name}}, Wall: func() time.Time { return time.Now().Add(d.off) }}
	for _, f := range with {
		f(&cfg)
	}
	d.start(cfg)
	return d
}

func (d *desk) start(cfg Config) {
	d.t.Helper()
	o, err := New(cfg)
	if err != nil {
		d.t.Fatal(err)
	}
	o.held = func() bool { return true }
	if err := o.recover(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.o = o
}

// restart is what a process finds that begins after this one died.
func (d *desk) restart() {
	d.t.Helper()
	cfg := d.o.cfg
	d.store = d.store.Reopen()
	cfg.Store, cfg.Registerer, cfg.Now = d.store, nil, nil
	d.start(cfg)
}

// commit makes one batch of all jobs and returns their answers.
func (d *desk) commit(jobs ...job) []answer {
	d.t.Helper()
	got := make([]answer, len(jobs))
	for i := range jobs {
		jobs[i].done = func(a answer) { got[i] = a }
	}
	if err := d.o.commit(context.Background(), jobs); err != nil {
		d.t.Fatal(err)
	}
	d.publish()
	return got
}

// publish has the bus take what is in the outbox.
func (d *desk) publish() {
	for _, l := range d.o.relay.lanes {
		for m, ok := l.pop(); ok; m, ok = l.pop() {
			d.o.relay.done(m.Message, bus.PubAck{Stream: events.StreamEvents, Sequence: 1})
		}
	}
}

// flush commits that the bus has what it took.
func (d *desk) flush() { d.commit() }

func (d *desk) fit(r events.Request) *intake {
	d.t.Helper()
	in, bad := d.o.fit("billing", r, "")
	if bad != nil {
		d.t.Fatal(bad)
	}
	return in
}

// request is one batch with a request alone.
func (d *desk) request(r events.Request) saga.ID {
	d.t.Helper()
	a, ok := d.commit(job{request: d.fit(r)})[0].payload.(events.Acceptance)
	if !ok {
		d.t.Fatal("the request was not accepted")
	}
	return saga.ID(a.Saga)
}

func (d *desk) claim(id saga.ID, v events.Verb) job {
	s := d.state(id)
	return job{claim: &claim{participant: "account", claim: events.Claim{Saga: string(id), Verb: v,
		Round: s.Share("account").Step(saga.Verb(v)).Round, Instance: "w"}}}
}

// permit claims in a batch of its own.
func (d *desk) permit(id saga.ID, v events.Verb) events.Permit {
	d.t.Helper()
	a := d.commit(d.claim(id, v))[0]
	p, ok := a.payload.(events.Permit)
	if !ok {
		d.t.Fatalf("%s is not permitted: %+v %v", v, a.payload, a.err)
	}
	return p
}

// does claims and reports.
func (d *desk) does(id saga.ID, v events.Verb, r events.Report) events.Permit {
	d.t.Helper()
	p := d.permit(id, v)
	r.Saga, r.Verb, r.Round, r.Permit = string(id), v, p.Round, p.Permit
	if a := d.commit(job{report: &report{participant: "account", report: r}})[0]; a.err != nil {
		d.t.Fatal(a.err)
	}
	d.flush()
	return p
}

var (
	nothing  int64
	resolved = events.Report{Verdict: events.Resolved, Counts: events.Counts{"accounts": 1}}
	erased   = events.Report{Verdict: events.Erased, Counts: events.Counts{"accounts": 1}, Remaining: &nothing}
	counted  = events.Report{Verdict: events.Counted, Remaining: &nothing}
)

func (d *desk) state(id saga.ID) saga.State {
	d.t.Helper()
	s, err := d.store.Load(context.Background(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

var errHalf = errors.New("in the middle of it")
