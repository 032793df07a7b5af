package bolt

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Commit implements [storage.Store]: one transaction, synced when it returns.
func (s *Store) Commit(ctx context.Context, b storage.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		c, err := open(tx)
		if err != nil {
			return err
		}
		w := writer{content: c, archive: &s.archive, before: map[saga.ID]string{}, now: map[saga.ID]string{}}
		return w.write(b)
	})
	return s.outcome(err, b.Log)
}

// outcome sorts out what a failed commit left behind.
func (s *Store) outcome(err error, log uint64) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return storage.ErrClosed
	case errors.Is(err, storage.ErrOrder), errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrDamaged):
		return err // nothing was written yet
	case full(err) && s.lacks(log):
		return fmt.Errorf("%w: batch %d: %w", storage.ErrFull, log, err)
	}
	s.failed = fmt.Errorf("batch %d: %w", log, err)
	return s.failed
}

// full recognises a full disk, a quota, and MaxSize. bbolt drops the cause when it cannot
// make the file larger, and keeps its text.
func full(err error) bool {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, berrors.ErrMaxSizeReached} {
		if errors.Is(err, cause) || strings.Contains(err.Error(), cause.Error()) {
			return true
		}
	}
	return false
}

// lacks reports that a batch is surely not in the store. After a failed sync of the meta
// page it may be.
func (s *Store) lacks(log uint64) bool {
	last, err := s.LastLog(context.Background())
	return err == nil && last < log
}

// writer is one batch on its way into the tables.
type writer struct {
	*content
	archive *archive
	touched []saga.ID          // in order
	before  map[saga.ID]string // the subject under which the saga was live before the batch
	now     map[saga.ID]string // and after it; empty: none
}

func (w *writer) write(b storage.Batch) error {
	if b.Log != w.book.Log+1 {
		return fmt.Errorf("%w: %d after %d", storage.ErrOrder, b.Log, w.book.Log)
	}
	w.book.Log = b.Log
	for _, step := range []func(storage.Batch) error{w.plans, w.sagas, w.messages, w.requests, w.prune, w.letters, w.holds, w.meta} {
		if err := step(b); err != nil {
			return err
		}
	}
	return w.close()
}

func (w *writer) plans(b storage.Batch) error {
	for _, p := range b.Plans {
		digest := []byte(p.Digest())
		if w.of[plans].bucket.Get(digest) != nil {
			continue
		}
		if err := w.putJSON(plans, digest, p); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) messages(b storage.Batch) error {
	for _, m := range b.Outbox {
		if err := w.putJSON(outbox, messageKey(m.Key), m); err != nil {
			return err
		}
	}
	for _, k := range b.Sent {
		if err := w.of[outbox].delete(messageKey(k)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) letters(b storage.Batch) error {
	t := w.of[letters]
	next := uint64(1)
	if k, _ := t.bucket.Cursor().Last(); k != nil {
		next = binary.BigEndian.Uint64(k) + 1
	}
	for i, l := range b.DeadLetters {
		if err := w.putJSON(letters, binary.BigEndian.AppendUint64(nil, next+uint64(i)), l); err != nil {
			return err
		}
	}
	for t.sum.Rows > storage.DeadLetterLimit {
		k, _ := t.bucket.Cursor().First()
		if err := t.delete(k); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) holds(b storage.Batch) error {
	for _, h := range b.Holds {
		if err := w.putJSON(holds, []byte(h.ID), h); err != nil {
			return err
		}
	}
	for _, id := range b.Released {
		if err := w.of[holds].delete([]byte(id)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) meta(b storage.Batch) error {
	for k, v := range b.Meta {
		if err := w.of[meta].put([]byte(k), v); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) putJSON(table string, key []byte, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.of[table].put(key, payload)
}
