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

// planBook remembers plans by digest: those that are configured, and some of the others,
// of which every scope makes one. What it forgot is in the store.
type planBook struct {
	configured map[string]saga.Plan

	mu     sync.Mutex
	others shortMemory
}

func newPlanBook(configured map[string]saga.Plan) *planBook {
	b := &planBook{configured: map[string]saga.Plan{}, others: shortMemory{}}
	for p := range maps.Values(configured) {
		b.configured[p.Digest()] = p
	}
	return b
}

func (b *planBook) get(digest string) (saga.Plan, bool) {
	if p, ok := b.configured[digest]; ok {
		return p, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.others[digest]
	return p, ok
}

func (b *planBook) put(digest string, p saga.Plan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.others.put(digest, p)
}

// shortMemory holds a bounded number of plans by digest. It forgets any of them.
type shortMemory map[string]saga.Plan

const mostPlans = 1024

func (m shortMemory) put(digest string, p saga.Plan) {
	if len(m) >= mostPlans {
		clear(m)
	}
	m[digest] = p
}
