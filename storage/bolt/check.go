package bolt

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Report is what [Store.Check] found.
type Report struct {
	Live, Finished, Pruned int
	Faults                 []Fault
}

// Fault is one thing that does not fit. Saga is empty if it is none of a saga's.
type Fault struct {
	Saga saga.ID
	What string
}

// Check reads everything, as it is after the last batch, and reports all that does not
// fit: rows against their checksums, tables against their digests, each history against
// its chain and each state against the fold of its history, derived tables against the
// states. It changes nothing. A commit that outgrows the mapping of the file waits for it.
//
// The error is the context's, or [storage.ErrClosed]; damage is in the report.
func (s *Store) Check(ctx context.Context) (Report, error) {
	k := checker{ctx: ctx, plans: map[string]saga.Plan{}, indexed: map[string]uint64{}}
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		c, err := open(tx)
		if err != nil {
			k.fault("", err)
			return nil
		}
		k.content = c
		return k.run()
	})
	return k.report, err
}

type checker struct {
	*content
	ctx     context.Context
	report  Report
	plans   map[string]saga.Plan
	indexed map[string]uint64 // rows of a derived table that a live saga accounts for
	blind   bool              // some live saga cannot account for its rows
}

func (k *checker) fault(id saga.ID, err error) {
	k.report.Faults = append(k.report.Faults, Fault{id, err.Error()})
}

func (k *checker) run() error {
	for _, name := range tables {
		if err := k.table(k.of[name]); err != nil {
			return err
		}
	}
	if err := k.eachLive(k.live); err != nil {
		return err
	}
	if err := k.eachFinished(k.over); err != nil {
		return err
	}
	if err := k.tombstones(); err != nil {
		return err
	}
	k.expiries()
	for _, name := range []string{timers, subjects, vault} {
		if k.blind {
			break
		}
		if rows := k.of[name].sum.Rows; rows != k.indexed[name] {
			k.fault("", fmt.Errorf("%s: %d rows, of which %d belong to a live saga", name, rows, k.indexed[name]))
		}
	}
	return nil
}

// table checks each row by itself, and all of them together.
func (k *checker) table(t *table) error {
	var found tally
	err := t.bucket.ForEach(func(key, row []byte) error {
		found.add(key, row)
		if _, err := unpack(t.name, key, row); err != nil {
			found.damaged++
			k.fault(owner(t.name, key), fmt.Errorf("%s: %w", t.name, err))
		}
		return k.ctx.Err()
	})
	if why := found.misses(*t.sum); err == nil && why != "" {
		k.fault("", fmt.Errorf("%s: %s", t.name, why))
	}
	return err
}

// owner is the saga that a row belongs to, if its key tells.
func owner(table string, key []byte) saga.ID {
	switch table {
	case sagas:
		id, _ := splitSagaKey(key)
		return id
	case finished, vault, pruned:
		return saga.ID(key)
	case timers:
		if len(key) > timeSize {
			return parseTimer(key).Saga
		}
	}
	return ""
}

// eachLive calls f for each saga that has any row in the table of live ones.
func (k *checker) eachLive(f func(saga.ID) error) error {
	c := k.of[sagas].bucket.Cursor()
	for key, _ := c.First(); key != nil; {
		id, _ := splitSagaKey(key)
		if err := f(id); err != nil {
			k.fault(id, err)
		}
		if err := k.ctx.Err(); err != nil {
			return err
		}
		k.report.Live++
		key, _ = c.Seek(after(sagaKey(id, headSeq)))
	}
	return nil
}

func (k *checker) eachFinished(f func(saga.ID) error) error {
	return k.of[finished].bucket.ForEach(func(key, _ []byte) error {
		if err := f(saga.ID(key)); err != nil {
			k.fault(saga.ID(key), err)
		}
		k.report.Finished++
		return k.ctx.Err()
	})
}

// tombstones checks that each is one, of a saga of which nothing else is left.
func (k *checker) tombstones() error {
	return k.of[pruned].bucket.ForEach(func(key, _ []byte) error {
		id := saga.ID(key)
		if _, err := k.tombstone(id); err != nil {
			k.fault(id, err)
		}
		if k.of[sagas].bucket.Get(sagaKey(id, headSeq)) != nil || k.of[finished].bucket.Get(key) != nil {
			k.fault(id, errors.New("it was pruned, and is still there"))
		}
		k.report.Pruned++
		return k.ctx.Err()
	})
}

func (k *checker) live(id saga.ID) error {
	h, err := k.head(id)
	if err != nil {
		k.blind = true
		return err
	}
	if h.State.Phase.Final() {
		return errors.New("it is final, and has rows of a live one")
	}
	return errors.Join(k.folds(id, h.State), k.indexes(id, h))
}

func (k *checker) over(id saga.ID) error {
	d, err := k.finished(id)
	if err != nil {
		return err
	}
	if !d.state.Phase.Final() || len(d.summary) == 0 {
		return errors.New("it is finished, but not final, or without a summary")
	}
	return k.folds(id, d.state)
}

// folds checks that the state is the fold of the history.
func (k *checker) folds(id saga.ID, s saga.State) error {
	entries, err := k.history(id)
	if err != nil {
		return err
	}
	if _, err := k.plan(s.Plan); err != nil {
		return fmt.Errorf("its plan: %w", err)
	}
	return storage.Folds(s, entries)
}

func (k *checker) plan(digest string) (saga.Plan, error) {
	if p, ok := k.plans[digest]; ok {
		return p, nil
	}
	p, err := decode[saga.Plan](k.of[plans].get([]byte(digest), ""))
	if err == nil && p.Digest() != digest {
		err = errors.New("it has another digest")
	}
	if err == nil {
		k.plans[digest] = p
	}
	return p, err
}

// indexes checks that the derived tables say of a live saga what its head does.
func (k *checker) indexes(id saga.ID, h head) error {
	if _, err := k.of[timers].get(timerKey(h.Wake, id), id); err != nil {
		return fmt.Errorf("its timer: %w", err)
	}
	k.indexed[timers]++
	if k.of[vault].bucket.Get([]byte(id)) != nil {
		k.indexed[vault]++
	}
	slot := h.State.Slot()
	if slot == "" {
		return nil
	}
	other, err := k.of[subjects].get([]byte(slot), id)
	if err != nil {
		return fmt.Errorf("its subject: %w", err)
	}
	if saga.ID(other) != id {
		return fmt.Errorf("its subject leads to saga %s", other)
	}
	k.indexed[subjects]++
	return nil
}

// expiries checks that each request key expires. An expiry without one is harmless: it is
// left over when a damaged request key is replaced.
func (k *checker) expiries() {
	_ = k.of[requests].bucket.ForEach(func(key, _ []byte) error { // its function never fails
		r, err := k.request(key)
		if err == nil {
			_, err = k.of[expiries].get(expiryKey(r), r.Saga)
		}
		if err != nil {
			k.fault(r.Saga, fmt.Errorf("a request key: %w", err))
		}
		return nil
	})
}
