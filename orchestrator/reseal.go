package orchestrator

import (
	"errors"
	"slices"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// reseal makes a saga a new box if nobody can open its own any more, with what a request for
// the same subject brings. The core says whether that is enough to go on by.
func (b *batch) reseal(in *intake, l *loaded) error {
	id := l.state.ID
	if l.state.Phase.Final() || !slices.Contains(b.o.subjectsOf(in), l.state.Subject) || !b.boxLost(l) {
		return nil
	}
	if _, err := b.o.cfg.Keys.Seal(id, nil); err != nil && !errors.Is(err, vault.ErrNoKey) {
		return b.readable(l) // there is a key, and it is damaged: nothing can be sealed either
	}
	next := saga.Resealed{Items: in.items}
	for _, id := range in.identifiers() {
		next.Identifiers = append(next.Identifiers, saga.Identifier{Type: string(id.Type), Hash: b.hashOf(l.state, string(id.Type), id.Value.Reveal())})
	}
	l.sealing = true
	defer func() { l.sealing = false }()
	if _, err := b.step(l, next); err != nil || l.state.Halted != "" || l.state.Phase.Final() {
		return err
	}
	c := contentsOf(in)
	items := c.Items
	c.Items = nil
	if err := l.keep(c); err != nil {
		return err
	}
	if !b.o.cfg.Keys.Has(id) {
		b.created = append(b.created, id)
	}
	b.tell = append(b.tell, func() {
		b.o.logger.Warn("the sealed box of a saga was lost; it goes on by what a new request brings", "saga", string(id))
	})
	return b.sealItems(l, items)
}

// boxLost reports whether a saga's box can never be opened again, as far as this store and its
// keys go: what fails otherwise may work the next time.
func (b *batch) boxLost(l *loaded) bool {
	_, err := b.open(l)
	return errors.Is(err, vault.ErrNoKey) || errors.Is(err, storage.ErrDamaged) || errors.Is(err, storage.ErrNotFound)
}
