package memory_test

import (
	"errors"
	"testing"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/memory"
	"github.com/expunge-io/expunge/storage/storagetest"
)

type place struct{ store *memory.Store }

func (p *place) Open(testing.TB) storage.Store {
	p.store = p.store.Reopen()
	return p.store
}

func (p *place) Damage(_ testing.TB, id saga.ID) { p.store.Damage(id) }

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storagetest.Reopener { return &place{store: memory.New()} })
}

func TestFullStoreRefusesAndGoesOn(t *testing.T) {
	s := memory.New()
	s.Fill()
	if err := s.Commit(t.Context(), storage.Batch{Log: 1}); !errors.Is(err, storage.ErrFull) {
		t.Fatalf("full: got %v, want %v", err, storage.ErrFull)
	}
	s.Drain()
	if err := s.Commit(t.Context(), storage.Batch{Log: 1}); err != nil {
		t.Fatalf("drained: %v", err)
	}
}

func TestReopenClosesTheStoreBefore(t *testing.T) {
	s := memory.New()
	again := s.Reopen()
	if _, err := s.LastLog(t.Context()); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("before: got %v, want %v", err, storage.ErrClosed)
	}
	if _, err := again.LastLog(t.Context()); err != nil {
		t.Errorf("after: %v", err)
	}
}
