// Package record is what the checker goes by: what the client was told, and what the
// systems themselves saw. Nothing in it comes from the inside of what is tortured.
package record

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// Record is what the client was told.
type Record struct {
	Requests  []Request  `json:"requests"`
	Cancels   []Cancel   `json:"cancels"`
	Sightings []Sighting `json:"sightings"`
	Ends      []End      `json:"ends"`
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
	Key    string    `json:"key"`
	Way    Way       `json:"way"`
	Sent   time.Time `json:"sent"`             // the first time
	Acked  time.Time `json:"acked,omitzero"`   // when it was first acknowledged; zero: never
	Saga   string    `json:"saga,omitempty"`   // as answered; empty: never answered
	ID     string    `json:"id,omitempty"`     // of the request, as answered
	Later  []string  `json:"later,omitempty"`  // other sagas that the same key was answered with
	Forgot bool      `json:"forgot,omitempty"` // acknowledged, and at the end taken for a new one
}

// Cancel is one cancel.
type Cancel struct {
	Request  string    `json:"request"`
	Saga     string    `json:"saga"`
	Sent     time.Time `json:"sent"`
	Answered time.Time `json:"answered,omitzero"` // zero: never
	State    string    `json:"state,omitempty"`   // of the saga, as answered
	Code     string    `json:"code,omitempty"`    // of the problem, as answered
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

// Ledger is what the systems saw.
type Ledger struct {
	People  []Person `json:"people"`  // who has a share, requested or not
	Effects []Effect `json:"effects"` // in no particular order
	Freezes []Freeze `json:"freezes"` // of workers; see the checker for what they excuse
	Residue []string `json:"residue"` // where an identifier was found that ought to be nowhere
}

// Person is one person, as counted at the end.
type Person struct {
	ID     string `json:"id"`
	Items  int    `json:"items"`  // at the start
	Left   int    `json:"left"`   // at the end, without those that were made again
	Whole  int    `json:"whole"`  // of those, how many are as they were at the start
	Reborn []Item `json:"reborn"` // made again after the end
}

// Item is something that was made again after a saga had ended.
type Item struct {
	Key  string    `json:"key"`
	Made time.Time `json:"made"`
	Left bool      `json:"left"` // whether it is there at the end, as it must be
}

// Effect is one irreversible effect.
type Effect struct {
	Person string    `json:"person"`
	Source string    `json:"source"`
	Key    string    `json:"key"` // of the item
	At     time.Time `json:"at"`
}

// Freeze is a time in which a worker stood still.
type Freeze struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Book is a record in the making. It may be used by several goroutines.
type Book struct {
	mu  sync.Mutex
	rec Record
}

// Request adds a request and returns its place.
func (b *Book) Request(r Request) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rec.Requests = append(b.rec.Requests, r)
	return len(b.rec.Requests) - 1
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

// Record returns what stands in the book.
func (b *Book) Record() Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rec
	r.Requests = append([]Request(nil), r.Requests...)
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
