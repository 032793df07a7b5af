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
	if l.state.Phase.Final() || !slices.Contains(b.o.subjectsOf(in), l.state.Subject) || !b.boxLost(l) {
		return nil
	}
	next := saga.Resealed{Items: in.items}
	for _, id := range in.identifiers() {
		next.Identifiers = append(next.Identifiers, saga.Identifier{Type: string(id.Type), Hash: b.hashOf(l.state, string(id.Type), id.Value.Reveal())})
	}
	if _, err := b.step(l, next); err != nil || l.state.Halted != "" || l.state.Phase.Final() {
		return err
	}
	c := contentsOf(in)
	items := c.Items
	c.Items = nil
	if err := l.keep(c); err != nil {
		return err
	}
	if !b.o.cfg.Keys.Has(l.state.ID) {
		b.created = append(b.created, l.state.ID)
	}
	b.o.logger.Warn("the sealed box of a saga was lost; it goes on by what a new request brings", "saga", string(l.state.ID))
	return b.sealItems(l, items)
}

// boxLost reports whether a saga's box can never be opened again, as far as this store and its
// keys go: what fails otherwise may work the next time.
func (b *batch) boxLost(l *loaded) bool {
	_, err := b.open(l)
	return errors.Is(err, vault.ErrNoKey) || errors.Is(err, storage.ErrDamaged) || errors.Is(err, storage.ErrNotFound)
}
