package s3

import (
	"context"
	"hash/maphash"
	"slices"
)

// turns let one erase at a time act on a person: a deletion of what is gone succeeds too, so
// that two at once would both count it. Some people share a turn.
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

// take waits for the turn at all targets, and returns how to end it. Everybody takes slots in
// the same order, so that nobody waits for one who waits for them.
func (t *turns) take(ctx context.Context, targets []target) (end func(), err error) {
	var taken []chan struct{}
	end = func() {
		for _, slot := range taken {
			<-slot
		}
	}
	for _, i := range t.of(targets) {
		select {
		case t.slots[i] <- struct{}{}:
			taken = append(taken, t.slots[i])
		case <-ctx.Done():
			end()
			return nil, ctx.Err()
		}
	}
	return end, nil
}

func (t *turns) of(targets []target) (slots []int) {
	for _, at := range targets {
		sum := maphash.Comparable(t.seed, [2]string{at.Bucket, at.text})
		slots = append(slots, int(sum%uint64(len(t.slots))))
	}
	slices.Sort(slots)
	return slices.Compact(slots)
}
