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
}

type standing struct {
	phase   saga.Phase
	started time.Time
	due     time.Time
	stuck   bool
	braked  bool
	damaged bool
}

func newCensus() *census {
	return &census{live: map[saga.ID]standing{}}
}

func (c *census) set(s saga.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Phase.Final() {
		delete(c.live, s.ID)
		return
	}
	c.live[s.ID] = standing{phase: s.Phase, started: s.Started, due: s.Due, stuck: s.Stuck() != "", braked: s.Brake != ""}
}

// hurt notes that a saga was damaged: it counts as parked, and is not woken any more.
func (c *census) hurt(id saga.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.live[id]
	s.stuck, s.damaged = true, true
	c.live[id] = s
}

// has reports whether a saga is under way and can be woken.
func (c *census) has(id saga.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.live[id]
	return ok && !s.damaged
}

// ids returns the sagas that are under way and can be woken.
func (c *census) ids() (out []saga.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range c.live {
		if !s.damaged {
			out = append(out, id)
		}
	}
	return out
}

// stuck returns the sagas that wait for an operator.
func (c *census) stuck() (ids []saga.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range c.live {
		if s.stuck {
			ids = append(ids, id)
		}
	}
	return ids
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
		if s.stuck {
			out.parked++
		}
		if s.phase == "" {
			continue // damaged since before the start: nothing else is known of it
		}
		out.phases[s.phase]++
		earlier(&out.oldest, s.started)
		earlier(&out.due, s.due)
	}
	return out
}
