package orchestrator

import (
	"sync"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// census is what the metrics say of the sagas that are under way.
type census struct {
	mu   sync.Mutex
	live map[saga.ID]standing
	done map[saga.Phase]int // ended since the start of the process
}

type standing struct {
	phase   saga.Phase
	started time.Time
	due     time.Time
	stuck   bool
}

func newCensus() *census {
	return &census{live: map[saga.ID]standing{}, done: map[saga.Phase]int{}}
}

func (c *census) set(s saga.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Phase.Final() {
		delete(c.live, s.ID)
		c.done[s.Phase]++
		return
	}
	c.live[s.ID] = standing{phase: s.Phase, started: s.Started, due: s.Due, stuck: s.Stuck() != ""}
}

func (c *census) has(id saga.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.live[id]
	return ok
}

// counts is one look at all live sagas.
type counts struct {
	phases map[saga.Phase]int
	parked int
	oldest time.Time // zero: none
	due    time.Time // nearest; zero: none
}

func (c *census) count() counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := counts{phases: map[saga.Phase]int{}}
	earlier := func(t *time.Time, u time.Time) {
		if t.IsZero() || u.Before(*t) {
			*t = u
		}
	}
	for _, s := range c.live {
		out.phases[s.phase]++
		if s.stuck {
			out.parked++
		}
		earlier(&out.oldest, s.started)
		earlier(&out.due, s.due)
	}
	return out
}
