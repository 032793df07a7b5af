package orchestrator

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// publisher is what the relay needs of the bus.
type publisher interface {
	PublishMessage(ctx context.Context, subject, msgID string, m events.Message) (bus.PubAck, error)
}

// relay publishes what is in the outbox, until the bus has acknowledged it. The doorbells
// of one saga go out in order, and so do its announcements; neither waits for the other,
// nor for those of other sagas.
type relay struct {
	pub     publisher   // set before run
	may     func() bool // publish now; what may not go out yet waits
	log     *slog.Logger
	metrics *metrics
	acked   func(stream string, sequence uint64)
	lanes   []*lane

	pivots chan struct{} // the bus has taken the event of a pivot: the writer should not wait
	dirty  chan struct{} // the bus has taken something

	mu      sync.Mutex
	sent    []acked
	watches map[storage.MessageKey][]*watch
	pivot   map[saga.ID]int                  // events of pivots that wait
	ends    map[saga.ID]time.Time            // committed at; of those whose end the bus does not have
	waiting map[storage.MessageKey]time.Time // committed at; for the metrics
}

// lanes bounds how many messages are published at once: the adapter waits for each
// acknowledgement.
const (
	doorbellLanes     = 48
	announcementLanes = 16
	lanes             = doorbellLanes + announcementLanes
)

// lane is an unbounded queue: what is in it is in the store as well.
type lane struct {
	mu    sync.Mutex
	queue []outgoing
	wake  chan struct{}
}

// outgoing is a message on its way. An old one may have been published by an earlier
// process, which was not told.
type outgoing struct {
	storage.Message
	old bool
}

func newRelay(log *slog.Logger, m *metrics, may func() bool, acked func(stream string, sequence uint64)) *relay {
	r := &relay{log: log, metrics: m, may: may, acked: acked, waiting: map[storage.MessageKey]time.Time{},
		pivots: make(chan struct{}, 1), dirty: make(chan struct{}, 1), watches: map[storage.MessageKey][]*watch{}, pivot: map[saga.ID]int{}, ends: map[saga.ID]time.Time{}}
	for range lanes {
		r.lanes = append(r.lanes, &lane{wake: make(chan struct{}, 1)})
	}
	return r
}

// add takes messages that were committed just now.
func (r *relay) add(ms []storage.Message) {
	for _, m := range ms {
		r.take(outgoing{Message: m})
	}
}

// addOld takes messages that were committed before the start.
func (r *relay) addOld(ms []storage.Message) {
	for _, m := range ms {
		r.take(outgoing{Message: m, old: true})
	}
}

// addSent takes a message that an earlier process published and was not told of, or did not
// live to note: the next commit takes it from the outbox.
func (r *relay) addSent(m storage.Message) {
	r.putBack([]acked{ackOf(m)})
	poke(r.dirty)
}

func (r *relay) take(m outgoing) {
	r.mu.Lock()
	r.waiting[m.Key] = m.At
	if isPivot(m.Message) {
		r.pivot[m.Saga]++
	}
	if isEnd(m.Message) {
		r.ends[m.Saga] = m.At
	}
	r.mu.Unlock()
	r.lane(m.Message).push(m)
}

func (r *relay) lane(m storage.Message) *lane {
	f := fnv.New32a()
	_, _ = f.Write([]byte(m.Saga))
	if strings.HasPrefix(m.Subject, events.SubjectCommand("")) {
		return r.lanes[f.Sum32()%doorbellLanes]
	}
	return r.lanes[doorbellLanes+f.Sum32()%announcementLanes]
}

func (l *lane) push(m outgoing) {
	l.mu.Lock()
	l.queue = append(l.queue, m)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *lane) pop() (m outgoing, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.queue = nil
		return m, false
	}
	m, l.queue = l.queue[0], l.queue[1:]
	return m, true
}

// run publishes until ctx ends. What is not out by then stays in the store.
func (r *relay) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, l := range r.lanes {
		all.Go(func() { r.drive(ctx, l) })
	}
	all.Wait()
}

func (r *relay) drive(ctx context.Context, l *lane) {
	for {
		m, ok := l.pop()
		if ok {
			r.send(ctx, m)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
	}
}

const (
	publishPatience = 5 * time.Second
	firstPause      = 50 * time.Millisecond
	longestPause    = 5 * time.Second
)

// send publishes one message, again and again until it is acknowledged or ctx ends.
func (r *relay) send(ctx context.Context, m outgoing) {
	pause := firstPause
	first := !m.old
	for ctx.Err() == nil {
		if !r.may() {
			sleep(ctx, firstPause)
			continue
		}
		attempt, cancel := context.WithTimeout(ctx, publishPatience)
		ack, err := r.pub.PublishMessage(attempt, m.Subject, m.MsgID, events.Message{Header: m.Header, Data: m.Data})
		cancel()
		if err == nil && ack.Duplicate && first {
			m.MsgID = r.suppressed(ctx, m)
			first = false
			continue
		}
		if err == nil {
			r.done(m.Message, ack)
			return
		}
		first = false
		if errors.Is(err, bus.ErrClosed) || ctx.Err() != nil {
			return
		}
		r.metrics.publishRetries.Inc()
		r.log.WarnContext(ctx, "message not acknowledged by the bus; it is published again", "subject", m.Subject, "saga", string(m.Saga), "error", err)
		sleep(ctx, pause)
		pause = min(2*pause, longestPause)
	}
}

// suppressed is for a message that the bus took for another one: nobody has published it
// before. It goes out under an id that the bus cannot know.
func (r *relay) suppressed(ctx context.Context, m outgoing) (id string) {
	r.metrics.suppressed.Inc()
	r.log.ErrorContext(ctx, "the bus took a new message for a repeat: somebody else publishes as this orchestrator, or its store was put back", "subject", m.Subject, "saga", string(m.Saga))
	return m.MsgID + ".again"
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// done notes that a message is out; the next commit takes it from the outbox.
func (r *relay) done(m storage.Message, ack bus.PubAck) {
	if ack.Duplicate {
		r.metrics.duplicates.Inc()
	}
	r.acked(ack.Stream, ack.Sequence) // before it counts as sent
	r.mu.Lock()
	a := ackOf(m)
	if a.pivot != "" {
		if r.pivot[a.pivot]--; r.pivot[a.pivot] <= 0 {
			delete(r.pivot, a.pivot)
		}
	}
	if a.ended != "" {
		delete(r.ends, a.ended) // who is told by one of them knows
	}
	r.sent = append(r.sent, a)
	delete(r.waiting, m.Key)
	watching := r.watches[m.Key]
	delete(r.watches, m.Key)
	r.mu.Unlock()
	for _, w := range watching {
		w.took()
	}
	poke(r.dirty)
	if a.pivot != "" {
		poke(r.pivots)
	}
}

// poke tells whoever waits on a channel of one place, and does not block.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// acked is a message that the bus has. With pivot set it is the event of that saga's pivot,
// with ended set that of its end.
type acked struct {
	key   storage.MessageKey
	pivot saga.ID
	ended saga.ID
}

func ackOf(m storage.Message) acked {
	a := acked{key: m.Key}
	if isPivot(m) {
		a.pivot = m.Saga
	}
	if isEnd(m) {
		a.ended = m.Saga
	}
	return a
}

// isEvent reports whether something is told that happened to a saga, or a decision beside one.
func isEvent(subject string) bool { return strings.HasPrefix(subject, "erasure.event.") }

func isPivot(m storage.Message) bool {
	return strings.HasPrefix(m.Subject, events.SubjectEvent(events.KindErasing, ""))
}

func isEnd(m storage.Message) bool {
	return strings.HasPrefix(m.Subject, events.SubjectEvent(events.KindFinished, ""))
}

// ending reports whether the event of the saga's end waits for the bus, and not since before a
// time.
func (r *relay) ending(id saga.ID, since time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, waits := r.ends[id]
	return waits && !at.Before(since)
}

// announcing reports whether an event of the saga's pivot waits for the bus.
func (r *relay) announcing(id saga.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pivot[id] > 0
}

// takeSent returns the messages that were acknowledged since the last call.
func (r *relay) takeSent() []acked {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := r.sent
	r.sent = nil
	return sent
}

// putBack returns what takeSent gave to a batch that was not committed.
func (r *relay) putBack(sent []acked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(sent, r.sent...)
}

// settled returns up to which batch the bus has everything, where last is the newest one,
// and a time that no batch up to there is younger than.
func (r *relay) settled(last uint64, now time.Time) (log uint64, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	log, at = last, now
	for key, committed := range r.waiting {
		if key.Log <= log {
			log = key.Log - 1
		}
		if committed.Before(at) {
			at = committed
		}
	}
	return log, at
}

// depth returns how many messages wait, and since when the oldest does.
func (r *relay) depth() (n int, oldest time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, at := range r.waiting {
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return len(r.waiting), oldest
}
