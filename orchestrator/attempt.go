package orchestrator

import (
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// attempt runs f and keeps all of what it did to the batch, or nothing: of what fails, no
// hold, no message and no half of a transition may be committed with the others, since its
// asker is told that nothing was recorded.
//
// Slices only grow, and what else f may change is replaced whole, so that the batch as it
// was can be put back; what is changed in place takes its own change back, see undone.
func (b *batch) attempt(f func() error) error {
	was := *b
	err := f()
	if err == nil {
		return nil
	}
	for i := len(b.undone) - 1; i >= len(was.undone); i-- {
		b.undone[i]()
	}
	*b = was
	return err
}

// see makes a saga one that the batch knows.
func (b *batch) see(l *loaded) { put(b, b.sagas, l.state.ID, l) }

// occupied notes who has a slot; nobody, if id is empty.
func (b *batch) occupied(slot string, id saga.ID) { put(b, b.slots, slot, id) }

// put sets a value in one of the batch's maps, until the attempt under way fails.
func put[K comparable, V any](b *batch, m map[K]V, key K, value V) {
	was, had := m[key]
	m[key] = value
	b.undone = append(b.undone, func() {
		if delete(m, key); had {
			m[key] = was
		}
	})
}
