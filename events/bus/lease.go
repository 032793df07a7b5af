package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// LeaseLife is how long a lease is valid after it was renewed, and so how long its holder
// may go on without the bus.
const LeaseLife = 15 * time.Second

// Holder is who holds a bus, as it stands in the control stream.
type Holder struct {
	Instance   string    `json:"instance"`
	Generation uint64    `json:"generation"` // grows with every holder
	Host       string    `json:"host,omitempty"`
	Process    int       `json:"process,omitempty"`
	Since      time.Time `json:"since"`
	Renewed    time.Time `json:"renewed"` // by the holder's wall clock, for people
}

// ErrLeaseLost means that another orchestrator holds the bus by now. It does not come back.
var ErrLeaseLost = errors.New("another orchestrator has taken over this bus")

// ErrBusAnew means that the stream with the lease is gone: the bus was made anew, or somebody
// has deleted it. A new start makes it again.
var ErrBusAnew = errors.New("the control stream is gone, as on a bus that was made anew: start again, which makes all streams")

// HeldError says who holds the bus that was asked for.
type HeldError struct {
	Holder Holder
	Alive  bool // it renewed its lease while it was looked at
}

func (e *HeldError) Error() string {
	h := e.Holder
	return fmt.Sprintf("the bus is held by instance %s (process %d on %s, generation %d) since %s; it last renewed its lease at %s",
		h.Instance, h.Process, h.Host, h.Generation, h.Since.Format(time.RFC3339), h.Renewed.Format(time.RFC3339))
}

// Clock reads the wall clock, and a monotonic one that nobody sets.
type Clock func() (wall time.Time, monotonic time.Duration)

// MachineClock returns the clocks of this machine.
func MachineClock() Clock {
	start := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0).UTC(), now.Sub(start)
	}
}

// LeaseConfig says who asks for the bus.
type LeaseConfig struct {
	// Instance stays the same as long as no two processes can run under it: whoever finds
	// its own instance in the lease knows that the process before it is dead.
	Instance string
	// Generation is the highest one that the instance ever used; 0: none.
	Generation uint64
	// TakeOver takes the bus from another instance whose lease has not changed for its life.
	TakeOver bool
	// Record makes a generation durable before it is used, so that it is never used twice.
	// from is who the bus is taken from, and nil if that is nobody, or the same instance.
	Record func(ctx context.Context, generation uint64, from *Holder) error

	Life   time.Duration // 0: LeaseLife; the same for everybody on a bus
	Clock  Clock         // nil: MachineClock
	Logger *slog.Logger  // nil: discard
}

// Lease is the right to be the one orchestrator of a bus. It is kept by [Lease.Keep], and
// must be looked at with [Lease.Valid] before anything that only the one may do.
type Lease struct {
	js     jetstream.JetStream
	nc     *nats.Conn
	cfg    LeaseConfig
	holder Holder
	from   *Holder

	mu       sync.Mutex
	sequence uint64 // of the lease in the control stream
	wall     time.Time
	elapsed  time.Duration // both: read before the last renewal was sent
	lost     bool
}

// AcquireLease takes the bus, whose control stream must be there, for an instance. The
// error is a [*HeldError] when it is another's and must not, or cannot be taken over.
func AcquireLease(ctx context.Context, nc *nats.Conn, cfg LeaseConfig) (*Lease, error) {
	l, err := newLease(nc, cfg)
	if err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	for {
		taken, err := l.tryTake(ctx)
		if err != nil {
			return nil, fmt.Errorf("lease: %w", err)
		}
		if taken {
			return l, nil
		}
	}
}

func newLease(nc *nats.Conn, cfg LeaseConfig) (*Lease, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	if cfg.Life == 0 {
		cfg.Life = LeaseLife
	}
	if cfg.Clock == nil {
		cfg.Clock = MachineClock()
	}
	cfg.Logger = orDiscard(cfg.Logger)
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	return &Lease{js: js, nc: nc, cfg: cfg, holder: Holder{Instance: cfg.Instance, Host: host, Process: os.Getpid()}}, nil
}

// tryTake is false when somebody else wrote in between.
func (l *Lease) tryTake(ctx context.Context) (taken bool, err error) {
	seen, err := l.read(ctx)
	if err != nil {
		return false, err
	}
	l.from = nil
	if other := seen.holder; seen.sequence > 0 && other.Instance != l.cfg.Instance {
		if err := l.mayTakeFrom(ctx, seen); err != nil {
			return false, err
		}
		l.from = &other
	}
	return l.take(ctx, seen)
}

// mayTakeFrom watches another's lease for as long as it could be valid: what has not
// changed by then is not valid any more.
func (l *Lease) mayTakeFrom(ctx context.Context, seen record) error {
	if !l.cfg.TakeOver {
		return &HeldError{Holder: seen.holder}
	}
	l.cfg.Logger.WarnContext(ctx, "the bus is another orchestrator's; it is taken over if that shows no life",
		"instance", seen.holder.Instance, "host", seen.holder.Host, "wait", l.cfg.Life)
	if err := pauseFor(ctx, l.cfg.Life); err != nil {
		return err
	}
	now, err := l.read(ctx)
	if err != nil {
		return err
	}
	if now.sequence != seen.sequence {
		return &HeldError{Holder: now.holder, Alive: true}
	}
	return nil
}

// take writes the lease under the next generation.
func (l *Lease) take(ctx context.Context, seen record) (taken bool, err error) {
	next := max(l.cfg.Generation, seen.holder.Generation) + 1
	if err := l.cfg.Record(ctx, next, l.from); err != nil {
		return false, fmt.Errorf("record generation %d: %w", next, err)
	}
	l.cfg.Generation = next
	l.holder.Generation = next
	l.holder.Since, _ = l.cfg.Clock()
	err = l.write(ctx, seen.sequence)
	if errors.Is(err, errMoved) {
		return false, nil
	}
	return err == nil, err
}

// Valid reports whether nobody else can hold the bus now: by the monotonic clock, and by
// the wall clock, which also counts while a machine sleeps.
func (l *Lease) Valid() bool {
	wall, elapsed := l.cfg.Clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.lost && elapsed-l.elapsed < l.cfg.Life && wall.Sub(l.wall) < l.cfg.Life
}

// Generation is carried by what is said under the lease.
func (l *Lease) Generation() uint64 { return l.holder.Generation }

// From is the other instance that the bus was taken from, or nil.
func (l *Lease) From() *Holder { return l.from }

func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
