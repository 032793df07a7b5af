package orchestrator

import (
	"maps"
	"sync"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// cacheSize is how many live sagas are kept decoded.
const cacheSize = 4096

// cache holds states that the writer committed. Only the writer changes sagas, so what is
// here is what the store has.
type cache map[saga.ID]saga.State

func (c cache) get(id saga.ID) (saga.State, bool) {
	s, ok := c[id]
	return s, ok
}

// put keeps a live state and forgets a final one.
func (c cache) put(s saga.State) {
	if s.Phase.Final() {
		delete(c, s.ID)
		return
	}
	if len(c) >= cacheSize {
		for id := range c { // any one: a miss costs a read, no more
			delete(c, id)
			break
		}
	}
	c[s.ID] = s
}

func (c cache) forget(id saga.ID) { delete(c, id) }

// planBook remembers plans by digest.
type planBook struct {
	mu    sync.Mutex
	plans map[string]saga.Plan
}

func newPlanBook(configured map[string]saga.Plan) *planBook {
	b := &planBook{plans: map[string]saga.Plan{}}
	for p := range maps.Values(configured) {
		b.plans[p.Digest()] = p
	}
	return b
}

func (b *planBook) get(digest string) (saga.Plan, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.plans[digest]
	return p, ok
}

func (b *planBook) put(digest string, p saga.Plan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plans[digest] = p
}
