package bus_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// shortLife is the life of leases in tests; their tests wait for real servers.
const shortLife = 600 * time.Millisecond

// hands are clocks that a test moves and stops; whoever reads a stopped one stands still,
// as a process does that is frozen.
type hands struct {
	mu    sync.Mutex
	start time.Time
	wall  time.Duration // ahead of the machine's
	mono  time.Duration
}

func newHands() *hands { return &hands{start: time.Now()} }

func (h *hands) read() (time.Time, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := time.Since(h.start)
	return h.start.Round(0).Add(since + h.wall), since + h.mono
}

func (h *hands) freeze() { h.mu.Lock() }
func (h *hands) thaw()   { h.mu.Unlock() }

func (h *hands) move(wall, mono time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wall += wall
	h.mono += mono
}

type leaseStand struct {
	*stand
	nc *nats.Conn
}

func newLeaseStand(t *testing.T) leaseStand {
	s := newStand(t).start(t)
	s.provision(t)
	return leaseStand{s, s.connect(t, "orchestrator")}
}

func (s leaseStand) acquire(t *testing.T, cfg bus.LeaseConfig) (*bus.Lease, error) {
	t.Helper()
	if cfg.Record == nil {
		cfg.Record = func(context.Context, uint64, *bus.Holder) error { return nil }
	}
	if cfg.Life == 0 {
		cfg.Life = shortLife
	}
	return bus.AcquireLease(t.Context(), s.nc, cfg)
}

func (s leaseStand) mustAcquire(t *testing.T, cfg bus.LeaseConfig) *bus.Lease {
	t.Helper()
	l, err := s.acquire(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// keep renews a lease until the test ends; what it returns comes over the channel.
func keep(t *testing.T, l *bus.Lease) <-chan error {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	joined := make(chan struct{})
	go func() { defer close(joined); ended <- l.Keep(ctx) }()
	t.Cleanup(func() { cancel(); <-joined })
	return ended
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestALeaseIsRefusedToAnotherInstance(t *testing.T) {
	s := newLeaseStand(t)
	s.mustAcquire(t, bus.LeaseConfig{Instance: "a"})
	_, err := s.acquire(t, bus.LeaseConfig{Instance: "b"})
	held, ok := errors.AsType[*bus.HeldError](err)
	if !ok || held.Holder.Instance != "a" || held.Holder.Generation != 1 || held.Holder.Since.IsZero() {
		t.Fatalf("want who holds it, got %v", err)
	}
}

func TestTheSameInstanceTakesOverAtOnceUnderTheNextGeneration(t *testing.T) {
	s := newLeaseStand(t)
	old := s.mustAcquire(t, bus.LeaseConfig{Instance: "a"})
	next := s.mustAcquire(t, bus.LeaseConfig{Instance: "a"})
	if old.Generation() != 1 || next.Generation() != 2 || next.From() != nil {
		t.Errorf("generations %d and %d, from %v", old.Generation(), next.Generation(), next.From())
	}
	if err := <-keep(t, old); !errors.Is(err, bus.ErrLeaseLost) {
		t.Errorf("the process before it goes on: %v", err)
	}
	if old.Valid() {
		t.Error("a lost lease is valid")
	}
}

func TestAGenerationIsRecordedBeforeItIsUsedAndNeverGoesBack(t *testing.T) {
	s := newLeaseStand(t)
	var recorded uint64
	_, err := s.acquire(t, bus.LeaseConfig{Instance: "a", Generation: 7, Record: func(_ context.Context, g uint64, _ *bus.Holder) error {
		recorded = g
		return errors.New("no space")
	}})
	if err == nil || recorded != 8 {
		t.Fatalf("recorded %d, %v", recorded, err)
	}
	if l := s.mustAcquire(t, bus.LeaseConfig{Instance: "b"}); l.Generation() != 1 {
		t.Errorf("a lease was written whose generation is not durable: %d", l.Generation())
	}
}

func TestALivingLeaseIsNotTakenOver(t *testing.T) {
	s := newLeaseStand(t)
	keep(t, s.mustAcquire(t, bus.LeaseConfig{Instance: "a"}))
	_, err := s.acquire(t, bus.LeaseConfig{Instance: "b", TakeOver: true})
	if held, ok := errors.AsType[*bus.HeldError](err); !ok || !held.Alive {
		t.Errorf("want that the holder is alive, got %v", err)
	}
}

func TestADeadLeaseIsTakenOverAfterItsLife(t *testing.T) {
	s := newLeaseStand(t)
	old := s.mustAcquire(t, bus.LeaseConfig{Instance: "a"})
	next := s.mustAcquire(t, bus.LeaseConfig{Instance: "b", TakeOver: true})
	if old.Valid() {
		t.Error("two leases are valid at a time")
	}
	if !next.Valid() || next.Generation() != 2 || next.From() == nil || next.From().Instance != "a" {
		t.Errorf("generation %d, from %+v", next.Generation(), next.From())
	}
}

func TestAFrozenHolderWakesWithoutALease(t *testing.T) {
	s := newLeaseStand(t)
	h := newHands()
	old := s.mustAcquire(t, bus.LeaseConfig{Instance: "a", Clock: h.read})
	ended := keep(t, old)
	h.freeze()
	s.mustAcquire(t, bus.LeaseConfig{Instance: "b", TakeOver: true})
	h.thaw()
	if old.Valid() {
		t.Error("valid beside its successor")
	}
	if err := <-ended; !errors.Is(err, bus.ErrLeaseLost) {
		t.Errorf("it goes on: %v", err)
	}
}

func TestALeaseEndsByEitherClock(t *testing.T) {
	s := newLeaseStand(t)
	for name, move := range map[string][2]time.Duration{
		"monotonic":                {0, time.Hour},
		"wall, after a sleep":      {time.Hour, 0},
		"monotonic, wall set back": {-time.Hour, time.Hour},
	} {
		h := newHands()
		l := s.mustAcquire(t, bus.LeaseConfig{Instance: "a", Clock: h.read, Life: time.Minute})
		if !l.Valid() {
			t.Fatalf("%s: not valid at first", name)
		}
		h.move(move[0], move[1])
		if l.Valid() {
			t.Errorf("%s: still valid", name)
		}
	}
}

func TestALeaseRunsOutWithTheBusAwayAndComesBackWithIt(t *testing.T) {
	s := newLeaseStand(t)
	l := s.mustAcquire(t, bus.LeaseConfig{Instance: "a"})
	ended := keep(t, l)
	s.server.Shutdown()
	until(t, "the lease has run out", func() bool { return !l.Valid() })
	s.cfg.Port = portOf(t, s.url)
	s.start(t)
	until(t, "the lease is renewed", l.Valid)
	select {
	case err := <-ended:
		t.Errorf("it ended: %v", err)
	default:
	}
}

func TestABusThatWasMadeAnewEndsTheLease(t *testing.T) {
	s := newLeaseStand(t)
	l := s.mustAcquire(t, bus.LeaseConfig{Instance: "a"})
	js, err := s.nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(events.StreamControl); err != nil {
		t.Fatal(err)
	}
	if err := <-keep(t, l); !errors.Is(err, bus.ErrBusAnew) {
		t.Errorf("it ended with %v", err)
	}
	if l.Valid() {
		t.Error("valid without a stream that could tell of another holder")
	}
	if err := bus.ProvisionControl(t.Context(), s.nc); err != nil {
		t.Fatal(err)
	}
	s.mustAcquire(t, bus.LeaseConfig{Instance: "a"})
}

// TestARenewalWhoseAnswerWasLostIsNotALoss: the stream has it, and the holder does not know.
func TestARenewalWhoseAnswerWasLostIsNotALoss(t *testing.T) {
	s := newLeaseStand(t)
	l := s.mustAcquire(t, bus.LeaseConfig{Instance: "a"})
	stored, err := s.nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	m, err := stored.GetLastMsg(events.StreamControl, bus.SubjectLease)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stored.Publish(bus.SubjectLease, m.Data); err != nil {
		t.Fatal(err)
	}
	ended := keep(t, l)
	until(t, "it is renewed", func() bool { return renewedPast(t, stored, m.Sequence+1) })
	select {
	case err := <-ended:
		t.Errorf("it ended: %v", err)
	default:
	}
}

func renewedPast(t *testing.T, js nats.JetStreamContext, sequence uint64) bool {
	t.Helper()
	m, err := js.GetLastMsg(events.StreamControl, bus.SubjectLease)
	if err != nil {
		t.Fatal(err)
	}
	return m.Sequence > sequence
}
