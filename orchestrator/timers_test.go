package orchestrator

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/memory"
	"github.com/expunge-io/expunge/storage/vault"
)

// TestTimers runs the shell without a bus in a bubble whose time moves on when everybody
// waits: weeks pass in milliseconds, and to the second.
func TestTimers(t *testing.T) {
	week := 7 * 24 * time.Hour
	tests := map[string]struct {
		plan func(*saga.Plan)
		ask  func(*bubble) events.Request
		do   func(*bubble)
		want saga.Phase
		took time.Duration
	}{
		"a grace of a week":            {plan: func(p *saga.Plan) { p.Grace = week }, want: saga.Completed, took: week},
		"a quiet day before the count": {plan: func(p *saga.Plan) { p.Quiet = 24 * time.Hour }, want: saga.Completed, took: 24 * time.Hour},
		"not before a month from now": {ask: func(b *bubble) events.Request {
			return events.Request{UserID: "ada", NotBefore: b.in(29 * 24 * time.Hour)}
		}, want: saga.Completed, took: 29 * 24 * time.Hour},
		"a worker is away for a weekend": {do: func(b *bubble) { b.away(63 * time.Hour) }, want: saga.Completed, took: 63*time.Hour + 3*time.Minute},
		"a cancel on the third day":      {plan: func(p *saga.Plan) { p.Grace = week }, do: func(b *bubble) { b.cancelAfter(3 * 24 * time.Hour) }, want: saga.Cancelled, took: 3 * 24 * time.Hour},
		"a vendor limits the rate":       {do: func(b *bubble) { b.limit(90 * time.Minute) }, want: saga.Completed, took: 90 * time.Minute},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plan := saga.Plan{Name: "all", Participants: []saga.Spec{{Name: "account"}}}
				if test.plan != nil {
					test.plan(&plan)
				}
				b := newBubble(t, plan)
				ask := events.Request{UserID: "ada"}
				if test.ask != nil {
					ask = test.ask(b)
				}
				if test.do != nil {
					test.do(b)
				}
				id := b.request(ask)
				took := b.await(id)
				if s := b.state(id); s.Phase != test.want {
					t.Errorf("it is %s: %s", s.Phase, saga.Explain(plan, s, time.Now()))
				}
				// A flush of what the bus acknowledged may lie between two steps.
				if slack := took - test.took; slack < 0 || slack > time.Minute+test.took/100 {
					t.Errorf("it took %s, want %s", took, test.took)
				}
			})
		})
	}
}

// bubble is an orchestrator on a store in memory, with a bus that takes everything at once
// and one worker behind it.
type bubble struct {
	t  *testing.T
	o  *Orchestrator
	wg sync.WaitGroup

	mu      sync.Mutex
	back    time.Time // the worker is away until then
	limited time.Time // the vendor wants no call before
	cancel  time.Duration
}

func newBubble(t *testing.T, plan saga.Plan, with ...func(*Config)) *bubble {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := vault.Init(path, vault.KEK{1}); err != nil {
		t.Fatal(err)
	}
	keys, err := vault.Open(path, vault.KEK{1})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Store: memory.New(), Keys: keys, Conn: &nats.Conn{}, Plans: map[string]saga.Plan{plan.Name: plan},
		Sources: map[string]Source{"billing": {Realm: "main", Plan: plan.Name}}}
	for _, f := range with {
		f(&cfg)
	}
	o, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &bubble{t: t, o: o}
	o.held = func() bool { return true }
	o.relay.may, o.relay.pub = o.held, b
	ctx, stop := context.WithCancel(context.Background())
	if err := o.recover(ctx); err != nil {
		t.Fatal(err)
	}
	for _, run := range []func(context.Context){
		func(ctx context.Context) { _ = o.write(ctx) }, o.relay.run, o.wakeUp, o.watchClock, o.keepUp} {
		b.wg.Go(func() { run(ctx) })
	}
	t.Cleanup(func() { stop(); b.wg.Wait(); _ = keys.Close() })
	return b
}

// PublishMessage takes a message, and has the worker answer a doorbell.
func (b *bubble) PublishMessage(_ context.Context, _, _ string, m events.Message) (bus.PubAck, error) {
	if _, p, err := events.DecodeAny(maps.Clone(m.Header), m.Data); err == nil {
		if cmd, ok := p.(events.Command); ok {
			b.wg.Go(func() { b.work(cmd) })
		}
	}
	return bus.PubAck{Stream: events.StreamCommands, Sequence: 1}, nil
}

// work is the worker: one item of everybody, until it is erased.
func (b *bubble) work(cmd events.Command) {
	b.mu.Lock()
	away, limited := time.Now().Before(b.back), b.limited
	b.mu.Unlock()
	if away {
		return
	}
	p, err := b.ask(job{claim: &claim{participant: cmd.Participant, claim: events.Claim{Saga: cmd.Saga, Verb: cmd.Verb, Round: cmd.Round, Instance: "w", Time: time.Now()}}})
	permit, ok := p.(events.Permit)
	if err != nil || !ok {
		return
	}
	none := int64(0)
	r := events.Report{Saga: cmd.Saga, Verb: cmd.Verb, Round: cmd.Round, Permit: permit.Permit}
	switch {
	case cmd.Verb == events.Resolve:
		r.Verdict, r.Counts = events.Resolved, events.Counts{"accounts": 1}
	case cmd.Verb == events.Erase && time.Now().Before(limited):
		r.Verdict, r.Class, r.Code, r.Until = events.Failed, events.RateLimited, "throttled", &limited
	case cmd.Verb == events.Erase:
		r.Verdict, r.Counts, r.Remaining = events.Erased, events.Counts{"accounts": 1}, &none
	default:
		r.Verdict, r.Remaining = events.Counted, &none
	}
	_, _ = b.ask(job{report: &report{participant: cmd.Participant, report: r}})
}

func (b *bubble) ask(j job) (events.Payload, error) { return b.o.ask(context.Background(), j) }

func (b *bubble) request(r events.Request) saga.ID {
	b.t.Helper()
	a, err := b.o.Submit(context.Background(), "billing", r)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.cancel > 0 {
		b.wg.Go(func() {
			time.Sleep(b.cancel)
			_, _ = b.ask(job{cancel: &cancellation{source: "billing", cancel: events.Cancel{Request: a.Request}, saga: saga.ID(a.Saga)}})
		})
	}
	return saga.ID(a.Saga)
}

// await waits for the end, for a year at most, and returns how long it took.
func (b *bubble) await(id saga.ID) time.Duration {
	b.t.Helper()
	for range 366 * 24 * 60 {
		synctest.Wait()
		if s := b.state(id); s.Phase.Final() {
			return s.Ended.Sub(s.Started)
		}
		time.Sleep(time.Minute)
	}
	b.t.Fatal("it does not end")
	return 0
}

func (b *bubble) state(id saga.ID) saga.State {
	b.t.Helper()
	s, err := b.o.cfg.Store.Load(context.Background(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// TestFinishedSagasArePrunedAfterTheRetention, and not before: their end is still told.
func TestFinishedSagasArePrunedAfterTheRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, saga.Plan{Name: "all", Participants: []saga.Spec{{Name: "account"}}}, func(c *Config) { c.Retention = keyLife })
		first := b.request(events.Request{UserID: "ada"})
		b.await(first)
		begun, _ := begunAt(first) // ids ascend across all bubbles of a process: it may be months ahead
		time.Sleep(time.Until(begun.Add(keyLife / 2)))
		second := b.request(events.Request{UserID: "bob"})
		b.await(second)
		time.Sleep(time.Until(begun.Add(keyLife + 2*time.Hour)))
		synctest.Wait()
		stone, err := b.o.cfg.Store.Tombstone(context.Background(), first)
		if err != nil || stone.Phase != saga.Completed || stone.Head == (saga.Hash{}) {
			t.Errorf("of the first is left %+v, %v", stone, err)
		}
		if _, err := b.o.cfg.Store.Summary(context.Background(), first); !errors.Is(err, storage.ErrPruned) {
			t.Errorf("summary of the first: %v", err)
		}
		if _, err := b.o.cfg.Store.Summary(context.Background(), second); err != nil {
			t.Errorf("summary of the second: %v", err)
		}
	})
}

func (b *bubble) in(d time.Duration) *time.Time { t := time.Now().Add(d); return &t }

func (b *bubble) away(d time.Duration) { b.back = time.Now().Add(d) }

func (b *bubble) limit(d time.Duration) { b.limited = time.Now().Add(d) }

func (b *bubble) cancelAfter(d time.Duration) { b.cancel = d }
