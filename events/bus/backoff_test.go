package bus

import (
	"testing"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
)

// Leave out the cap, the jitter or the growth to see it fail.
func TestRule04_DelaysAreCappedJitteredAndNeverEndAMessage(t *testing.T) {
	for _, random := range []float64{0, 0.5, 0.999999} {
		b := backoff{base: time.Second, max: 30 * time.Second, random: func() float64 { return random }}
		full := b.base
		for n := range uint64(200) {
			got := b.WaitTime(n + 1)
			if got == wmnats.TermSignal || got < full/2 || got > full {
				t.Fatalf("random %v, delivery %d: %s, want half to all of %s", random, n+1, got, full)
			}
			full = min(2*full, b.max)
		}
	}
	b, seen := newBackoff(time.Second, 30*time.Second), map[time.Duration]bool{}
	for range 20 {
		seen[b.WaitTime(3)] = true
	}
	if len(seen) < 2 {
		t.Error("always the same delay")
	}
}
