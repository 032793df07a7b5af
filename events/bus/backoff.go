package bus

import (
	"math/rand/v2"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
)

// The delays of a message that its handler would not take: the first, and the longest.
const (
	nakBase = time.Second
	nakMax  = 30 * time.Second
)

// backoff doubles up to a cap and takes a random half off, so that what failed together
// does not come back together. It never gives a message up.
type backoff struct {
	base, max time.Duration
	random    func() float64 // in [0,1)
}

var _ wmnats.Delay = backoff{}

func newBackoff(base, limit time.Duration) backoff {
	return backoff{base: base, max: limit, random: rand.Float64}
}

// WaitTime returns how long to wait after the given number of deliveries.
func (b backoff) WaitTime(deliveries uint64) time.Duration {
	d := b.base
	for i := uint64(1); i < deliveries && d < b.max; i++ {
		d *= 2
	}
	d = min(d, b.max)
	return d/2 + time.Duration(b.random()*float64(d/2))
}
