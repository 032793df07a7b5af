package memory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Load implements [storage.Store].
func (s *Store) Load(ctx context.Context, id saga.ID) (st saga.State, err error) {
	err = s.read(ctx, func(d *disk) error {
		r, err := d.whole(id)
		if err != nil {
			return err
		}
		st = decode[saga.State](r.state)
		return nil
	})
	return st, err
}

// History implements [storage.Store].
func (s *Store) History(ctx context.Context, id saga.ID) (entries []saga.Entry, err error) {
	err = s.read(ctx, func(d *disk) error {
		r, err := d.whole(id)
		if err != nil {
			return err
		}
		st := decode[saga.State](r.state)
		if entries, err = r.history.Decode(st.Seq, st.Head); err != nil {
			return &storage.DamagedError{Saga: id, What: err.Error()}
		}
		return nil
	})
	return entries, err
}

// Summary implements [storage.Store].
func (s *Store) Summary(ctx context.Context, id saga.ID) ([]byte, error) {
	return s.part(ctx, id, func(r record) []byte { return r.summary })
}

// Tombstone implements [storage.Store].
func (s *Store) Tombstone(ctx context.Context, id saga.ID) (t storage.Tombstone, err error) {
	err = s.read(ctx, func(d *disk) error {
		found, ok := d.pruned[id]
		if !ok {
			return storage.ErrNotFound
		}
		t = found
		return nil
	})
	return t, err
}

// Vault implements [storage.Store].
func (s *Store) Vault(ctx context.Context, id saga.ID) ([]byte, error) {
	return s.part(ctx, id, func(r record) []byte { return r.vault })
}

func (s *Store) part(ctx context.Context, id saga.ID, of func(record) []byte) (b []byte, err error) {
	err = s.read(ctx, func(d *disk) error {
		r, err := d.whole(id)
		if err != nil {
			return err
		}
		if of(r) == nil {
			return storage.ErrNotFound
		}
		b = bytes.Clone(of(r))
		return nil
	})
	return b, err
}

// BySlot implements [storage.Store].
func (s *Store) BySlot(ctx context.Context, subject string) (saga.ID, error) {
	return find(ctx, s, subject, func(d *disk) map[string]saga.ID { return d.subjects })
}

// Request implements [storage.Store].
func (s *Store) Request(ctx context.Context, key string) (storage.RequestKey, error) {
	return find(ctx, s, key, func(d *disk) map[string]storage.RequestKey { return d.requests })
}

// Plan implements [storage.Store].
func (s *Store) Plan(ctx context.Context, digest string) (saga.Plan, error) {
	b, err := find(ctx, s, digest, func(d *disk) map[string][]byte { return d.plans })
	if err != nil {
		return saga.Plan{}, err
	}
	return decode[saga.Plan](b), nil
}

// Meta implements [storage.Store].
func (s *Store) Meta(ctx context.Context, key string) ([]byte, error) {
	b, err := find(ctx, s, key, func(d *disk) map[string][]byte { return d.meta })
	return bytes.Clone(b), err
}

func find[V any](ctx context.Context, s *Store, key string, in func(*disk) map[string]V) (v V, err error) {
	err = s.read(ctx, func(d *disk) error {
		found, ok := in(d)[key]
		if !ok {
			return storage.ErrNotFound
		}
		v = found
		return nil
	})
	return v, err
}

// LastLog implements [storage.Store].
func (s *Store) LastLog(ctx context.Context) (n uint64, err error) {
	err = s.read(ctx, func(d *disk) error { n = d.log; return nil })
	return n, err
}

// Timers implements [storage.Store].
func (s *Store) Timers(ctx context.Context) iter.Seq2[storage.Timer, error] {
	return each(ctx, s, func(d *disk) (timers []storage.Timer) {
		for _, r := range d.sagas {
			if !r.final {
				timers = append(timers, r.timer)
			}
		}
		slices.SortFunc(timers, func(a, b storage.Timer) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Saga, b.Saga))
		})
		return timers
	})
}

// Outbox implements [storage.Store].
func (s *Store) Outbox(ctx context.Context) iter.Seq2[storage.Message, error] {
	return each(ctx, s, func(d *disk) (messages []storage.Message) {
		keys := slices.SortedFunc(maps.Keys(d.outbox), func(a, b storage.MessageKey) int {
			return cmp.Or(cmp.Compare(a.Log, b.Log), cmp.Compare(a.Index, b.Index))
		})
		for _, k := range keys {
			messages = append(messages, decode[storage.Message](d.outbox[k]))
		}
		return messages
	})
}

// DeadLetters implements [storage.Store].
func (s *Store) DeadLetters(ctx context.Context) iter.Seq2[storage.DeadLetter, error] {
	return each(ctx, s, func(d *disk) []storage.DeadLetter { return slices.Clone(d.letters) })
}

// Finished implements [storage.Store].
func (s *Store) Finished(ctx context.Context, after saga.ID) iter.Seq2[saga.ID, error] {
	return each(ctx, s, func(d *disk) []saga.ID {
		return d.ids(func(id saga.ID, r record) bool { return r.final && id > after })
	})
}

// Holds implements [storage.Store].
func (s *Store) Holds(ctx context.Context) iter.Seq2[storage.Hold, error] {
	return each(ctx, s, func(d *disk) (out []storage.Hold) {
		for _, id := range slices.Sorted(maps.Keys(d.holds)) {
			out = append(out, copied(d.holds[id]))
		}
		return out
	})
}

// Live implements [storage.Store].
func (s *Store) Live(ctx context.Context) iter.Seq2[saga.State, error] {
	live := each(ctx, s, func(d *disk) []saga.ID {
		return d.ids(func(_ saga.ID, r record) bool { return !r.final })
	})
	return func(yield func(saga.State, error) bool) {
		for id, err := range live {
			st := saga.State{}
			if err == nil {
				st, err = s.Load(ctx, id)
			}
			if st.Phase.Final() {
				continue // it ended meanwhile
			}
			if !yield(st, err) || err != nil && !errors.Is(err, storage.ErrDamaged) {
				return
			}
		}
	}
}

func (d *disk) ids(want func(saga.ID, record) bool) (ids []saga.ID) {
	for id, r := range d.sagas {
		if want(id, r) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// each yields what list finds at its start.
func each[T any](ctx context.Context, s *Store, list func(*disk) []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var found []T
		var none T
		if err := s.read(ctx, func(d *disk) error { found = list(d); return nil }); err != nil {
			yield(none, err)
			return
		}
		for _, v := range found {
			if err := ctx.Err(); err != nil {
				yield(none, err)
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}
