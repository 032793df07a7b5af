package orchestrator_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// traffic is what happens around an orchestrator that is killed and put back again and
// again, and what its clients were told by it.
type traffic struct {
	r       *rig
	sources map[string]*bus.Client
	shelves []*shelf
	book    *ledger
	office  *nats.Conn // of the operators

	mu     sync.Mutex
	rnd    *rand.Rand
	named  int
	told   map[string]*toldSaga
	holds  map[string]*toldHold
	open   []events.Acceptance // long graces, to be cancelled by and by
	faults []string
}

// toldSaga is what was said to clients of one saga. Its times are taken after the answer.
type toldSaga struct {
	person    string
	cancelled time.Time // zero: not, or not for sure
	alive     []events.AlivePermit
	summary   []byte
	state     events.State
	ended     time.Time
}

// toldHold is what was said to an operator of one hold.
type toldHold struct {
	person   string
	placed   time.Time
	alive    []events.AlivePermit
	release  time.Time // before it was asked for; zero: not
	released bool      // for sure
}

const (
	later = "later" // a plan with a grace that nobody waits for
	soon  = "soon"  // one with a grace that passes
)

func hurried(name string, grace time.Duration) saga.Plan {
	p := twoShares()
	p.Name, p.Grace = name, grace
	p.Permit, p.Margin, p.Attempts, p.Rounds = 600*time.Millisecond, 100*time.Millisecond, 1000, 1000
	p.BackoffMax, p.Ring = 200*time.Millisecond, 200*time.Millisecond
	for i := range p.Participants {
		p.Participants[i].Suspends = grace > 0
	}
	return p
}

func withGraces(c *orchestrator.Config) {
	c.Plans[later], c.Plans[soon] = hurried(later, time.Hour), hurried(soon, 150*time.Millisecond)
}

func (w *traffic) random(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

func (w *traffic) some(d time.Duration) time.Duration {
	return time.Duration(w.random(int(d)))
}

// newcomer is somebody with something on both shelves.
func (w *traffic) newcomer() string {
	w.mu.Lock()
	w.named++
	name := fmt.Sprintf("u-%d", w.named)
	w.mu.Unlock()
	for _, s := range w.shelves {
		s.set(func(s *shelf) { s.items[name] = 2 })
	}
	return name
}

// play has n things happen at once, and waits until all of them have.
func (w *traffic) play(ctx context.Context, n int) *sync.WaitGroup {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			pause(ctx, w.some(time.Second))
			w.happen(ctx)
		})
	}
	all.Go(func() { w.revisit(ctx) })
	return &all
}

func (w *traffic) happen(ctx context.Context) {
	person := w.newcomer()
	switch w.random(6) {
	case 0:
		w.request(ctx, "billing", person, "")
	case 1:
		w.changesMind(ctx, person, "", 80*time.Millisecond)
	case 2:
		if a, ok := w.request(ctx, "billing", person, later); ok {
			w.mu.Lock()
			w.open = append(w.open, a)
			w.mu.Unlock()
		}
	case 3:
		w.changesMind(ctx, person, soon, 500*time.Millisecond)
	case 4:
		w.underHold(ctx, person)
	case 5:
		w.request(ctx, "billing", person, later)
		w.request(ctx, "shop", person, later)
	}
}

// revisit cancels and releases some of what earlier lives left open.
func (w *traffic) revisit(ctx context.Context) {
	w.mu.Lock()
	open := append([]events.Acceptance(nil), w.open...)
	var held []string
	for id, h := range w.holds {
		if h.release.IsZero() || !h.released {
			held = append(held, id)
		}
	}
	w.mu.Unlock()
	for _, a := range open {
		if w.random(4) == 0 {
			w.cancel(ctx, a)
		}
	}
	for _, id := range held {
		if w.random(4) == 0 {
			w.release(ctx, id)
		}
	}
}

func (w *traffic) request(ctx context.Context, source, person, plan string) (events.Acceptance, bool) {
	a, err := w.sources[source].Request(ctx, events.Request{UserID: events.Private(person), Plan: plan})
	if err != nil {
		return a, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of(a.Saga).person = person
	return a, true
}

// of returns what was told of a saga. The caller holds the lock.
func (w *traffic) of(id string) *toldSaga {
	if w.told[id] == nil {
		w.told[id] = &toldSaga{}
	}
	return w.told[id]
}

func (w *traffic) changesMind(ctx context.Context, person, plan string, within time.Duration) {
	if a, ok := w.request(ctx, "billing", person, plan); ok {
		pause(ctx, w.some(within))
		w.cancel(ctx, a)
	}
}

func (w *traffic) cancel(ctx context.Context, a events.Acceptance) {
	c, err := w.sources["billing"].Cancel(ctx, events.Cancel{Request: a.Request})
	if err != nil || c.Result != events.CancelledSaga || !c.Replicated {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.of(a.Saga); t.cancelled.IsZero() {
		t.cancelled, t.alive = time.Now(), c.Alive
	}
}

func (w *traffic) underHold(ctx context.Context, person string) {
	if w.random(2) == 0 {
		w.request(ctx, "billing", person, "")
		pause(ctx, w.some(50*time.Millisecond))
	}
	h, ok := w.operate(ctx, events.Operation{Verb: events.OpHold, Realm: "main", UserID: events.Private(person)})
	if !ok || !h.Replicated {
		return
	}
	w.mu.Lock()
	w.holds[h.Hold] = &toldHold{person: person, placed: time.Now(), alive: h.Alive}
	w.mu.Unlock()
	w.request(ctx, "billing", person, "")
	if w.random(3) == 0 {
		pause(ctx, w.some(300*time.Millisecond))
		w.release(ctx, h.Hold)
	}
}

func (w *traffic) release(ctx context.Context, id string) {
	w.mu.Lock()
	if w.holds[id].release.IsZero() {
		w.holds[id].release = time.Now()
	}
	w.mu.Unlock()
	done, ok := w.operate(ctx, events.Operation{Verb: events.OpRelease, Hold: id})
	if ok && done.Replicated {
		w.mu.Lock()
		w.holds[id].released = true
		w.mu.Unlock()
	}
}

func (w *traffic) operate(ctx context.Context, op events.Operation) (events.Operated, bool) {
	op.By, op.Ground = "Alex", "case 17"
	m, err := events.Encode(events.Envelope{ID: nats.NewInbox()[7:], Source: "/test"}, op)
	if err != nil {
		w.fault("%v", err)
		return events.Operated{}, false
	}
	p, err := bus.Ask(ctx, w.office, events.SubjectOperate(), m)
	done, ok := p.(events.Operated)
	return done, err == nil && ok
}

// listen keeps every summary that a source is told.
func (w *traffic) listen(nc *nats.Conn, source string) error {
	_, err := nc.Subscribe(events.SubjectSummary(source), func(m *nats.Msg) {
		_, s, err := events.Decode[events.Summary](events.Header(m.Header), m.Data)
		if err != nil {
			w.fault("summary: %v", err)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		t := w.of(s.Saga)
		switch {
		case t.summary == nil:
			t.summary, t.state, t.ended = m.Data, s.State, time.Now()
		case !bytes.Equal(t.summary, m.Data):
			w.faults = append(w.faults, fmt.Sprintf("resurrected: saga %s ended twice: %s, then %s", s.Saga, t.summary, m.Data))
		}
	})
	return err
}

func (w *traffic) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}
