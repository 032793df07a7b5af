package storagetest

import (
	"context"
	"slices"
	"testing"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// crooked is a store that says of one saga what its history does not.
type crooked struct {
	storage.Store
	id saga.ID
}

func (c crooked) History(ctx context.Context, id saga.ID) ([]saga.Entry, error) {
	history, err := c.Store.History(ctx, id)
	if id == c.id {
		history = history[:len(history)-1]
	}
	return history, err
}

func audited(t *testing.T, b *bench) {
	first, second, third := b.Start("s1"), b.Start("s2"), b.Start("s3")
	b.End(b.Start("s4"))
	for range 2 {
		b.Advance(third)
		b.Advance(first)
	}
	b.commit()
	b.audit(b.store, 9, 3)
	b.audit(b.store, 2, 2)
	b.audit(b.store, 0, 0)
	b.audit(crooked{b.store, first}, 1, 1, first) // it moved last
	b.audit(crooked{b.store, third}, 1, 1)
	b.audit(crooked{b.store, second}, 2, 2)
	b.audit(crooked{b.store, second}, 3, 3, second)

	b.must(b.store.Close())
	b.place.Damage(t, second)
	b.store = b.place.Open(t)
	b.audit(b.store, 1, 1, second)
}

func (b *bench) audit(s storage.Store, limit, want int, faulty ...saga.ID) {
	b.Helper()
	folded, faults, err := storage.Audit(b.Context(), s, limit)
	b.must(err)
	var got []saga.ID
	for _, f := range faults {
		got = append(got, f.Saga)
	}
	if folded != want || !slices.Equal(got, faulty) {
		b.Errorf("audit of %d: folded %d with faults %q, want %d with %q", limit, folded, got, want, faulty)
	}
}
