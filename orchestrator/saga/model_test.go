package saga

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestModel drives random sagas through random faults, and holds the core to every rule in
// [rules], told from systems and workers that know nothing of the core's state.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		play(t, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") })
	})
}

func seed(t *testing.T) uint64 {
	t.Helper()
	if s, err := strconv.ParseUint(os.Getenv("EXPUNGE_MODEL_SEED"), 10, 64); err == nil {
		return s
	}
	s := uint64(time.Now().UnixNano())
	t.Logf("base seed %d", s)
	return s
}

func dice(s uint64) func(n int) int { return rand.New(rand.NewPCG(s, 1)).IntN }

// failer is a test, of testing or of rapid.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// seeded names the seed of a run with its failure.
type seeded struct {
	*testing.T
	seed uint64
}

func (s seeded) Fatalf(format string, args ...any) {
	s.Helper()
	s.T.Fatalf("EXPUNGE_MODEL_SEED=%d: "+format, append([]any{s.seed}, args...)...)
}

// play is one run: chaos, and then honest workers and a careful operator. It returns how
// many calls of Next it made.
func play(t failer, draw func(int) int) (steps int) {
	w := newWorld(t, draw)
	w.start()
	for n := 5 + draw(120); n > 0 && !w.s.Phase.Final(); n-- {
		w.random()
	}
	w.regret()
	w.drain()
	return w.steps
}
