// Package record is what the checker goes by: what the client was told, and what the
// systems themselves saw. Nothing in it comes from the inside of what is tortured.
package record

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Record is what the client was told.
type Record struct {
	Requests  []Request  `json:"requests"`
	Cancels   []Cancel   `json:"cancels"`
	Holds     []Hold     `json:"holds"`
	Restores  []Restore  `json:"restores"`
	Sightings []Sighting `json:"sightings"`
	Ends      []End      `json:"ends"`
	Terms     Terms      `json:"terms"`
}

// Terms are what was agreed on before, by the configuration.
type Terms struct {
	Life   time.Duration `json:"life"`   // of a permit, until it is dead
	Graced string        `json:"graced"` // the plan that suspends, and waits before its pivot
	Grace  time.Duration `json:"grace"`  // for how long it waits
}

// Way is how a request travelled.
type Way string

// The ways.
const (
	Asked  Way = "asked"  // NATS request/reply
	Stored Way = "stored" // a stored event
	Posted Way = "posted" // HTTP
)

// Request is one request with a key of its own, however often it was sent.
type Request struct {
	Person string    `json:"person"`
	Source string    `json:"source"`
	Plan   string    `json:"plan,omitempty"` // empty: that of the source
	Key    string    `json:"key"`
	Mark   string    `json:"mark"` // its correlation id
	Way    Way       `json:"way"`
	Sent   time.Time `json:"sent"`             // the first time
	Acked  time.Time `json:"acked,omitzero"`   // when it was first acknowledged; zero: never
	Saga   string    `json:"saga,omitempty"`   // as answered; empty: never answered
	ID     string    `json:"id,omitempty"`     // of the request, as answered
	Queued bool      `json:"queued,omitempty"` // as answered: behind a saga past its pivot
	Told   bool      `json:"told,omitempty"`   // the bus holds the event of its first acceptance
	Later  []string  `json:"later,omitempty"`  // other sagas that the same key was answered with
	Before []string  `json:"before,omitempty"` // other sagas of which only the bus says that it was accepted for them
	Heard  bool      `json:"heard,omitempty"`  // the bus says for which saga; nobody was answered
	Forgot bool      `json:"forgot,omitempty"` // acknowledged, and at the end taken for a new one
}

// Sighting is one answer to where a saga stands.
type Sighting struct {
	Saga     string    `json:"saga"`
	State    string    `json:"state"`
	Parked   string    `json:"parked,omitempty"`
	Asked    time.Time `json:"asked"`
	Answered time.Time `json:"answered"`
}

// End is one summary that reached the client, however it did.
type End struct {
	Saga   string    `json:"saga"`
	State  string    `json:"state"`
	Digest string    `json:"digest"` // of the bytes
	Told   time.Time `json:"told"`
}

// Book is a record in the making. It may be used by several goroutines.
type Book struct {
	mu  sync.Mutex
	rec Record
}

// Request adds a request, gives it a correlation id, and returns its place.
func (b *Book) Request(r Request) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Mark = "request-" + strconv.Itoa(len(b.rec.Requests))
	b.rec.Requests = append(b.rec.Requests, r)
	return len(b.rec.Requests) - 1
}

// Told notes an event of an acceptance, once all answers are in. Another key of the same
// request has no event of its own; who forgot a request gave it another id.
func (b *Book) Told(mark, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.rec.Requests {
		q := &b.rec.Requests[i]
		q.Told = q.Told || q.ID == id && !q.Forgot || q.Mark == mark && q.ID != id && q.Forgot
	}
}

// Accepted notes for which saga a request was accepted, as the bus says it: of a stored one
// nobody is answered, and after a restore it may be accepted for another.
func (b *Book) Accepted(mark, saga, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.rec.Requests {
		q := &b.rec.Requests[i]
		switch {
		case q.Mark != mark || slices.Contains(q.Sagas(), saga) || slices.Contains(q.Before, saga):
		case q.Saga == "":
			q.Saga, q.ID, q.Heard = saga, id, true
		case q.Heard:
			q.Before, q.Saga, q.ID = append(q.Before, q.Saga), saga, id
		default:
			q.Before = append(q.Before, saga)
		}
	}
}

// Restore adds a restore.
func (b *Book) Restore(r Restore) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rec.Restores = append(b.rec.Restores, r)
}

// Update changes the request at a place.
func (b *Book) Update(place int, f func(*Request)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.rec.Requests[place])
}

// At returns the request at a place.
func (b *Book) At(place int) Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rec.Requests[place]
}

// Cancel adds a cancel.
func (b *Book) Cancel(c Cancel) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rec.Cancels = append(b.rec.Cancels, c)
}

// Hold adds a hold and returns its place.
func (b *Book) Hold(h Hold) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rec.Holds = append(b.rec.Holds, h)
	return len(b.rec.Holds) - 1
}

// Held notes the answer to the hold at a place.
func (b *Book) Held(place int, answered Hold) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := &b.rec.Holds[place]
	h.ID, h.Alive, h.Kept, h.Answered = answered.ID, answered.Alive, answered.Kept, answered.Answered
}

// EndHold notes that a hold is about to be released, unless it was before.
func (b *Book) EndHold(id string, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.rec.Holds {
		if h := &b.rec.Holds[i]; h.ID == id && h.Ending.IsZero() {
			h.Ending = at
		}
	}
}

// Sighting adds a sighting.
func (b *Book) Sighting(s Sighting) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rec.Sightings = append(b.rec.Sightings, s)
}

// End adds a summary.
func (b *Book) End(e End) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rec.Ends = append(b.rec.Ends, e)
}

// Over reports whether the client was told that a request's erasure has ended, or that the
// request is withdrawn.
func (b *Book) Over(q Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.rec.Ends, func(e End) bool { return e.Saga == q.Saga }) ||
		slices.ContainsFunc(b.rec.Cancels, func(c Cancel) bool { return c.Request == q.ID && c.Result != "" })
}

// Person returns whose saga it is; empty: no client was told of it, nor the bus.
func (b *Book) Person(saga string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range b.rec.Requests {
		if slices.Contains(q.Sagas(), saga) || slices.Contains(q.Before, saga) {
			return q.Person
		}
	}
	return ""
}

// Lost reports whether a request may be unknown since a backup was put back.
func (b *Book) Lost(q Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.rec.Restores, func(r Restore) bool { return r.Loses(q) })
}

// Record returns what stands in the book.
func (b *Book) Record() Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rec
	r.Requests, r.Holds = slices.Clone(r.Requests), slices.Clone(r.Holds)
	return r
}

// Write writes v as JSON to a file.
func Write(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
