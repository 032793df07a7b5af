package participants

import (
	"context"
	"hash/maphash"
	"slices"
)

// Exclusive lets one erase at a time act on a share, within a process: where a deletion of what
// is gone succeeds too, two at once would both count it. Some shares have to wait for each other
// although they need not. Make it with [NewExclusive].
type Exclusive struct {
	seed  maphash.Seed
	slots [64]chan struct{}
}

// NewExclusive returns one that nobody holds.
func NewExclusive() *Exclusive {
	x := &Exclusive{seed: maphash.MakeSeed()}
	for i := range x.slots {
		x.slots[i] = make(chan struct{}, 1)
	}
	return x
}

// Take waits until nobody else acts on any of the keys, and returns how to end it. The error is
// that of ctx.
func (x *Exclusive) Take(ctx context.Context, keys ...string) (end func(), err error) {
	var taken []chan struct{}
	end = func() {
		for _, slot := range taken {
			<-slot
		}
	}
	for _, slot := range x.of(keys) {
		select {
		case slot <- struct{}{}:
			taken = append(taken, slot)
		case <-ctx.Done():
			end()
			return nil, ctx.Err()
		}
	}
	return end, nil
}

// of returns the slots of keys, each once and in one order for everybody, so that nobody waits
// for one who waits for them.
func (x *Exclusive) of(keys []string) (out []chan struct{}) {
	var at []int
	for _, key := range keys {
		at = append(at, int(maphash.String(x.seed, key)%uint64(len(x.slots))))
	}
	slices.Sort(at)
	for _, i := range slices.Compact(at) {
		out = append(out, x.slots[i])
	}
	return out
}
