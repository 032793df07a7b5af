package bolt

import (
	"context"
	"errors"
	"fmt"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// ended returns a finished saga; ErrPruned if only its tombstone is left.
func (c *content) ended(id saga.ID) (done, error) {
	d, err := c.finished(id)
	if !errors.Is(err, storage.ErrNotFound) {
		return d, err
	}
	if c.of[pruned].bucket.Get([]byte(id)) != nil {
		return done{}, storage.ErrPruned
	}
	return done{}, err
}

func (c *content) tombstone(id saga.ID) (storage.Tombstone, error) {
	t, err := decode[storage.Tombstone](c.of[pruned].get([]byte(id), id))
	if err == nil && (t.Saga != id || !t.Phase.Final()) {
		err = damaged(id, pruned, errors.New("not its tombstone"))
	}
	return t, err
}

// Tombstone implements [storage.Store].
func (s *Store) Tombstone(ctx context.Context, id saga.ID) (t storage.Tombstone, err error) {
	err = s.read(ctx, func(c *content) error {
		t, err = c.tombstone(id)
		return err
	})
	return t, err
}

// prune replaces finished sagas by their tombstones.
func (w *writer) prune(b storage.Batch) error {
	for _, id := range b.Prune {
		d, err := w.finished(id)
		if errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("%w: saga %s: only a finished saga is pruned", storage.ErrConflict, id)
		}
		if err != nil {
			return err
		}
		if err := w.of[finished].delete([]byte(id)); err != nil {
			return err
		}
		if err := w.putJSON(pruned, []byte(id), storage.TombstoneOf(d.state)); err != nil {
			return err
		}
	}
	return nil
}
