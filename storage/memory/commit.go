package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Commit implements [storage.Store]: the whole batch is checked against a draft first,
// and nothing can fail while the draft is taken over.
func (s *Store) Commit(ctx context.Context, b storage.Batch) error {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	switch {
	case s.closed:
		return storage.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case s.disk.full:
		return storage.ErrFull
	case b.Log != s.disk.log+1:
		return fmt.Errorf("%w: %d after %d", storage.ErrOrder, b.Log, s.disk.log)
	}
	if err := b.Check(); err != nil {
		return err
	}
	d := s.disk.draft(b)
	for _, c := range b.Sagas {
		if err := d.change(c); err != nil {
			return err
		}
	}
	if err := d.prune(b.Prune); err != nil {
		return err
	}
	if err := d.index(); err != nil {
		return err
	}
	s.disk.take(d, b)
	return nil
}

// draft is what a batch makes of the sagas it touches.
type draft struct {
	from     *disk
	plans    map[string][]byte
	touched  map[saga.ID]record
	subjects map[string]saga.ID // "": no longer
	pruned   map[saga.ID]storage.Tombstone
}

func (d *disk) draft(b storage.Batch) *draft {
	n := &draft{from: d, plans: map[string][]byte{}, touched: map[saga.ID]record{}, subjects: map[string]saga.ID{}, pruned: map[saga.ID]storage.Tombstone{}}
	for _, p := range b.Plans {
		n.plans[p.Digest()] = encode(p)
	}
	return n
}

func (d *draft) change(c storage.Change) error {
	id := c.State.ID
	r, err := d.record(id)
	if err != nil {
		return err
	}
	var prev saga.State
	if r.state != nil {
		prev = decode[saga.State](r.state)
	}
	more, err := c.Check(prev)
	if err != nil {
		return err
	}
	if !d.planned(c.State.Plan) {
		return fmt.Errorf("%w: saga %s: its plan is not stored", storage.ErrConflict, id)
	}
	r.state, r.history = encode(c.State), slices.Concat(r.history, more)
	r.timer, r.subject = copied(storage.Timer{At: c.Wake.UTC(), Saga: id}), c.State.Slot()
	if c.Vault != nil {
		r.vault = bytes.Clone(c.Vault)
	}
	if c.State.Phase.Final() {
		r.final, r.vault, r.summary = true, nil, bytes.Clone(c.Summary)
	}
	d.touched[id] = r
	return nil
}

// record returns the saga's record as the batch has left it so far.
func (d *draft) record(id saga.ID) (record, error) {
	if r, ok := d.touched[id]; ok {
		return r, nil
	}
	if _, ok := d.from.pruned[id]; ok {
		return record{}, fmt.Errorf("%w: saga %s: it has ended, and was pruned", storage.ErrConflict, id)
	}
	if _, ok := d.from.sagas[id]; !ok {
		return record{}, nil
	}
	return d.from.whole(id)
}

// prune replaces finished sagas by their tombstones.
func (d *draft) prune(ids []saga.ID) error {
	for _, id := range ids {
		r, err := d.record(id)
		if errors.Is(err, storage.ErrDamaged) {
			return err
		}
		if _, again := d.pruned[id]; again || err != nil || !r.final {
			return fmt.Errorf("%w: saga %s: only a finished saga is pruned", storage.ErrConflict, id)
		}
		d.pruned[id] = copied(storage.TombstoneOf(decode[saga.State](r.state)))
	}
	return nil
}

func (d *draft) planned(digest string) bool {
	return d.plans[digest] != nil || d.from.plans[digest] != nil
}

// index works out which live saga each touched subject has after the batch.
func (d *draft) index() error {
	for id := range d.touched {
		if was, ok := d.from.sagas[id]; ok && was.subject != "" {
			d.subjects[was.subject] = ""
		}
	}
	for id, r := range d.touched {
		if r.final || r.subject == "" {
			continue
		}
		if other := d.live(r.subject); other != "" && other != id {
			return fmt.Errorf("%w: saga %s: its subject has live saga %s", storage.ErrConflict, id, other)
		}
		d.subjects[r.subject] = id
	}
	return nil
}

func (d *draft) live(subject string) saga.ID {
	if id, ok := d.subjects[subject]; ok {
		return id
	}
	return d.from.subjects[subject]
}

// take applies the draft and the rest of the batch.
func (d *disk) take(n *draft, b storage.Batch) {
	d.log = b.Log
	maps.Copy(d.sagas, n.touched)
	for id := range n.pruned {
		delete(d.sagas, id)
	}
	maps.Copy(d.pruned, n.pruned)
	for digest, p := range n.plans {
		if d.plans[digest] == nil {
			d.plans[digest] = p
		}
	}
	for subject, id := range n.subjects {
		if id == "" {
			delete(d.subjects, subject)
			continue
		}
		d.subjects[subject] = id
	}
	d.takeMessages(b)
	d.takeRequests(b)
	for _, l := range b.DeadLetters {
		d.letters = append(d.letters, copied(l))
	}
	d.letters = d.letters[max(0, len(d.letters)-storage.DeadLetterLimit):]
	for _, h := range b.Holds {
		d.holds[h.ID] = copied(h)
	}
	for _, id := range b.Released {
		delete(d.holds, id)
	}
	for k, v := range b.Meta {
		d.meta[k] = bytes.Clone(v)
	}
}

func (d *disk) takeMessages(b storage.Batch) {
	for _, m := range b.Outbox {
		d.outbox[m.Key] = encode(m)
	}
	for _, k := range b.Sent {
		delete(d.outbox, k)
	}
}

func (d *disk) takeRequests(b storage.Batch) {
	for _, r := range b.Requests {
		d.requests[r.Key] = copied(r)
	}
	maps.DeleteFunc(d.requests, func(_ string, r storage.RequestKey) bool { return r.Expires.Before(b.Expire) })
}
