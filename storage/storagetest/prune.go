package storagetest

import (
	"errors"
	"testing"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

func prunedLeavesTombstone(t *testing.T, b *bench) {
	live, old, newer := b.Start("s1"), b.Start("s2"), b.Start("s3")
	b.End(old)
	b.End(newer)
	b.commit()
	for name, ids := range map[string][]saga.ID{"live": {live}, "unknown": {"none"}, "twice": {old, old}} {
		b.fails(storage.Batch{Log: 2, Prune: ids}, storage.ErrConflict)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	ended := b.sagas[old]
	b.pending.Prune = []saga.ID{old}
	b.commit()
	for range 2 {
		b.equal(b.dump(), b.Expected())
		b.buried(ended)
		b.reopen()
	}
	b.fails(storage.Batch{Log: 3, Prune: []saga.ID{old}}, storage.ErrConflict)
	b.fails(storage.Batch{Log: 3, Sagas: []storage.Change{{State: ended, Summary: []byte("again")}}}, storage.ErrConflict)

	b.End(live) // and pruned with its end
	b.pending.Prune = []saga.ID{live, newer}
	b.commit()
	b.equal(b.dump(), b.Expected())
}

func (b *bench) buried(s saga.State) {
	b.Helper()
	_, load := b.store.Load(b.Context(), s.ID)
	_, history := b.store.History(b.Context(), s.ID)
	_, summary := b.store.Summary(b.Context(), s.ID)
	for _, err := range []error{load, history, summary} {
		if !errors.Is(err, storage.ErrPruned) || !errors.Is(err, storage.ErrNotFound) {
			b.Errorf("got %v, want %v", err, storage.ErrPruned)
		}
	}
	t, err := b.store.Tombstone(b.Context(), s.ID)
	if err != nil || t.Head != s.Head || t.Phase != s.Phase || !t.Ended.Equal(s.Ended) || t.Ended.IsZero() {
		b.Errorf("tombstone: got %+v, %v", t, err)
	}
}
