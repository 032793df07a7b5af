package saga

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// TestModelSteps plays on all processors until EXPUNGE_MODEL_STEPS calls of Next are made;
// EXPUNGE_MODEL_SEED begins with that seed, and so replays a run that failed. What is kept
// at any time is one run for each processor.
func TestModelSteps(t *testing.T) {
	want, err := strconv.ParseInt(os.Getenv("EXPUNGE_MODEL_STEPS"), 10, 64)
	if err != nil {
		want = 20_000
	}
	m := marathon{next: seed(t), want: want}
	base := m.next
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() { m.run(t) })
	}
	all.Wait()
	fmt.Fprintf(os.Stdout, "model steps %d, violations %d, seed %d\n", m.steps.Load(), m.violations.Load(), base)
}

// marathon hands out seeds until enough steps are made, or one of them found a fault.
type marathon struct {
	mu                sync.Mutex
	next              uint64
	want              int64
	steps, violations atomic.Int64
}

func (m *marathon) run(t *testing.T) {
	for m.steps.Load() < m.want && m.violations.Load() == 0 {
		s := m.seed()
		steps, broken := attempt(s)
		m.steps.Add(int64(steps))
		if broken != "" {
			m.violations.Add(1)
			t.Errorf("EXPUNGE_MODEL_SEED=%d: %s", s, broken)
		}
	}
}

func (m *marathon) seed() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next++
	return m.next - 1
}

// attempt plays one seed, and returns the rule that it broke.
func attempt(s uint64) (steps int, broken string) {
	defer func() {
		if v := recover(); v != nil {
			broken = fmt.Sprint(v)
		}
	}()
	return play(violating{}, dice(s)), ""
}

// violating fails by a panic, since only a test's own goroutine may end it.
type violating struct{}

func (violating) Helper() {}

func (violating) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
