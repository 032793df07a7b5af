package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/storage"
)

// The meta keys of the marks. The first is written with every commit that takes messages
// from the outbox: what the bus acknowledged is known as long as the store is.
const (
	metaMarks  = "bus_marks"
	metaPoints = "bus_points"
)

// marks are how far the bus has acknowledged what it was given. A bus that is behind them
// has lost something: it was restored, lost its tail with the power, or was made anew.
type marks struct {
	mu      sync.Mutex
	streams map[string]mark
	points  []point
	owed    debt
	unsaved bool          // the store knows less
	changed int           // counts what became owed
	owing   chan struct{} // holds one while something is owed that nobody looked at
}

// mark is one stream: its incarnation, and the highest sequence that it acknowledged.
type mark struct {
	Incarnation time.Time `json:"incarnation"`
	Sequence    uint64    `json:"sequence"`
}

// point says that all events up to a batch were in the event stream up to a sequence.
type point struct {
	Incarnation time.Time `json:"incarnation"`
	Sequence    uint64    `json:"sequence"`
	Log         uint64    `json:"log"`
	At          time.Time `json:"at"` // no batch after Log is older
}

// debt is what was lost and is not published again yet. It survives the process.
type debt struct {
	Events    *time.Time `json:"events,omitempty"`    // those of this time and later; zero: all
	Doorbells bool       `json:"doorbells,omitempty"` // of steps that are open
}

func newMarks() *marks {
	return &marks{streams: map[string]mark{}, owing: make(chan struct{}, 1)}
}

// acked notes an acknowledgement.
func (m *marks) acked(stream string, sequence uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k, ok := m.streams[stream]; ok && sequence > k.Sequence {
		k.Sequence = sequence
		m.streams[stream] = k
	}
}

// see compares a stream with its mark, which it replaces. What is missing becomes owed.
func (m *marks) see(now bus.Mark) (lost bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, known := m.streams[now.Stream]
	lost = known && now.Lost(bus.Mark{Incarnation: k.Incarnation, Sequence: k.Sequence})
	if !known || lost {
		m.streams[now.Stream] = mark{Incarnation: now.Incarnation, Sequence: now.Sequence}
		m.unsaved = true
	}
	if lost && now.Stream == events.StreamCommands {
		m.owe(debt{Doorbells: true})
	}
	if lost && now.Stream == events.StreamEvents {
		since := m.survived(now)
		m.owe(debt{Events: &since})
	}
	return lost
}

// survived returns since when events may be missing, and forgets points that are gone.
func (m *marks) survived(now bus.Mark) (since time.Time) {
	m.points = slices.DeleteFunc(m.points, func(p point) bool {
		return !p.Incarnation.Equal(now.Incarnation) || p.Sequence > now.Sequence
	})
	if n := len(m.points); n > 0 {
		since = m.points[n-1].At
	}
	return since
}

// owe adds to what is owed. The caller holds the lock.
func (m *marks) owe(d debt) {
	if d.Events != nil && (m.owed.Events == nil || d.Events.Before(*m.owed.Events)) {
		m.owed.Events = d.Events
	}
	m.owed.Doorbells = m.owed.Doorbells || d.Doorbells
	m.changed++
	m.remind()
}

func (m *marks) remind() {
	select {
	case m.owing <- struct{}{}:
	default:
	}
}

// due returns what is owed, and a number to settle it with.
func (m *marks) due() (d debt, at int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owed, m.changed
}

// settle notes that what was owed is in the outbox, unless more became owed meanwhile.
func (m *marks) settle(at int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changed == at {
		m.owed = debt{}
		return
	}
	m.remind()
}

// kept is the form in which marks are stored.
type kept struct {
	Streams map[string]mark `json:"streams"`
	Owed    debt            `json:"owed"`
}

// save calls commit with the marks if the store must be told of them.
func (m *marks) save(commit func(meta map[string][]byte) error) error {
	m.mu.Lock()
	unsaved := m.unsaved
	m.mu.Unlock()
	if !unsaved {
		return nil
	}
	b, err := m.bytes()
	if err != nil {
		return err
	}
	if err := commit(map[string][]byte{metaMarks: b}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unsaved = false
	return nil
}

func (m *marks) bytes() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return json.Marshal(kept{m.streams, m.owed})
}

// mostPoints bounds the points; the older they are, the further they lie apart.
const mostPoints = 64

// point adds a point and returns the form in which all of them are stored.
func (m *marks) point(log uint64, at time.Time) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.streams[events.StreamEvents]
	if !ok {
		return nil, errors.New("the event stream has no mark")
	}
	p := point{Incarnation: k.Incarnation, Sequence: k.Sequence, Log: log, At: at}
	if n := len(m.points); n > 0 && m.points[n-1].Sequence == p.Sequence {
		m.points = m.points[:n-1] // nothing was published since
	}
	m.points = append(m.points, p)
	if len(m.points) > mostPoints {
		m.points = thin(m.points)
	}
	return json.Marshal(m.points)
}

// thin drops every other one of the older half.
func thin(ps []point) []point {
	var out []point
	for i, p := range ps {
		if i >= mostPoints/2 || i%2 == 0 {
			out = append(out, p)
		}
	}
	return out
}

// recoverMarks reads what the store knows of the bus.
func (o *Orchestrator) recoverMarks(ctx context.Context) error {
	var k kept
	if err := o.metaJSON(ctx, metaMarks, &k); err != nil {
		return err
	}
	m := o.marks
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.streams, k.Streams)
	m.owed = k.Owed
	if m.owed != (debt{}) {
		m.remind()
	}
	return o.metaJSON(ctx, metaPoints, &m.points)
}

// metaJSON reads a meta value; one that is not there leaves v as it is.
func (o *Orchestrator) metaJSON(ctx context.Context, key string, v any) error {
	return metaJSON(ctx, o.cfg.Store, key, v)
}

func metaJSON(ctx context.Context, s storage.Store, key string, v any) error {
	b, err := s.Meta(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("meta %s: %w", key, err)
	}
	return nil
}
