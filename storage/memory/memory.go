// Package memory keeps sagas in memory: the reference implementation of storage.Store,
// written to be obviously right, and a store for tests. What goes in and out is copied
// by way of its stored form, so nothing is shared with the caller.
//
// Nothing survives the process; [Store.Reopen] shows what a process would find after a
// restart. [Store.Fill] and [Store.Damage] play the failing disk.
package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Store is a [storage.Store] in memory.
type Store struct {
	closed bool // guarded by disk.mu
	disk   *disk
}

// disk is what outlives a Store.
type disk struct {
	mu       sync.RWMutex
	full     bool
	log      uint64
	sagas    map[saga.ID]record
	subjects map[string]saga.ID // live sagas only
	pruned   map[saga.ID]storage.Tombstone
	plans    map[string][]byte
	outbox   map[storage.MessageKey][]byte
	requests map[string]storage.RequestKey
	letters  []storage.DeadLetter // the oldest first
	holds    map[string]storage.Hold
	meta     map[string][]byte
}

// record is one saga.
type record struct {
	state   []byte // JSON
	history storage.History
	timer   storage.Timer // of a live saga
	subject string        // of a live saga
	vault   []byte
	summary []byte
	final   bool
	damaged bool
}

// New returns an empty store.
func New() *Store {
	return &Store{disk: &disk{
		sagas:    map[saga.ID]record{},
		subjects: map[string]saga.ID{},
		pruned:   map[saga.ID]storage.Tombstone{},
		plans:    map[string][]byte{},
		outbox:   map[storage.MessageKey][]byte{},
		requests: map[string]storage.RequestKey{},
		holds:    map[string]storage.Hold{},
		meta:     map[string][]byte{},
	}}
}

// Reopen closes the store and returns one with the same content, as a restarted process
// would find it.
func (s *Store) Reopen() *Store {
	_ = s.Close()
	return &Store{disk: s.disk}
}

// Close makes every further call return [storage.ErrClosed].
func (s *Store) Close() error {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	s.closed = true
	return nil
}

// Fill makes every Commit fail with [storage.ErrFull] until [Store.Drain].
func (s *Store) Fill() { s.disk.setFull(true) }

// Drain ends what [Store.Fill] began.
func (s *Store) Drain() { s.disk.setFull(false) }

func (d *disk) setFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

// Damage makes the saga's record unreadable, as a bad sector would.
func (s *Store) Damage(id saga.ID) {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	if r, ok := s.disk.sagas[id]; ok {
		r.damaged = true
		s.disk.sagas[id] = r
	}
}

// read runs f on the content while no batch is being applied.
func (s *Store) read(ctx context.Context, f func(*disk) error) error {
	s.disk.mu.RLock()
	defer s.disk.mu.RUnlock()
	if s.closed {
		return storage.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(s.disk)
}

// whole returns the saga's record if it is there and readable.
func (d *disk) whole(id saga.ID) (record, error) {
	r, ok := d.sagas[id]
	if _, buried := d.pruned[id]; buried {
		return record{}, storage.ErrPruned
	}
	if !ok {
		return record{}, storage.ErrNotFound
	}
	if r.damaged {
		return record{}, &storage.DamagedError{Saga: id, What: "state"}
	}
	return r, nil
}

// decode reads one stored value.
func decode[T any](b []byte) (v T) {
	if err := json.Unmarshal(b, &v); err != nil {
		panic(fmt.Sprintf("memory: its own value: %v", err))
	}
	return v
}

// encode makes a value's stored form.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("memory: a value without a stored form: %v", err))
	}
	return b
}

// copied is what a value looks like when it is read back.
func copied[T any](v T) T { return decode[T](encode(v)) }
