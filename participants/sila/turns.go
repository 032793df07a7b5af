package sila

import (
	"context"
	"hash/maphash"
)

// turns let one erase at a time act on a person: at the vendor a deletion of what is gone
// succeeds too, so that two at once would both count it. Some people share a turn.
type turns struct {
	seed  maphash.Seed
	slots [64]chan struct{}
}

func newTurns() turns {
	t := turns{seed: maphash.MakeSeed()}
	for i := range t.slots {
		t.slots[i] = make(chan struct{}, 1)
	}
	return t
}

// take waits for a person's turn, and returns how to end it.
func (t *turns) take(ctx context.Context, handle string) (end func(), err error) {
	slot := t.slots[maphash.String(t.seed, plain(handle))%uint64(len(t.slots))]
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
