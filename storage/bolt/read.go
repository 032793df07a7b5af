package bolt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"go.etcd.io/bbolt"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// read runs f on the tables as they are after the last batch.
func (s *Store) read(ctx context.Context, f func(*content) error) error {
	return s.view(ctx, func(tx *bbolt.Tx) error { return f(reading(tx)) })
}

// reading gives access to the tables without their digests.
func reading(tx *bbolt.Tx) *content {
	c := &content{tx: tx, of: map[string]*table{}}
	for _, name := range tables {
		c.of[name] = &table{name: name, bucket: tx.Bucket([]byte(name))}
	}
	return c
}

// Load implements [storage.Store].
func (s *Store) Load(ctx context.Context, id saga.ID) (st saga.State, err error) {
	err = s.read(ctx, func(c *content) error {
		h, err := c.head(id)
		st = h.State
		return err
	})
	return st, err
}

// History implements [storage.Store].
func (s *Store) History(ctx context.Context, id saga.ID) (entries []saga.Entry, err error) {
	err = s.read(ctx, func(c *content) error {
		entries, err = c.history(id)
		return err
	})
	return entries, err
}

// history returns a saga's entries, live or finished.
func (c *content) history(id saga.ID) ([]saga.Entry, error) {
	h, err := c.head(id)
	if err != nil {
		return nil, err
	}
	lines, table, err := c.lines(h.State)
	if err != nil {
		return nil, err
	}
	entries, err := lines.Decode(h.State.Seq, h.State.Head)
	if err != nil {
		return nil, damaged(id, table, err)
	}
	return entries, nil
}

func (c *content) lines(s saga.State) (h storage.History, table string, err error) {
	id := s.ID
	if !s.Phase.Final() {
		h, _, err = c.segments(id)
		return h, sagas, err
	}
	d, err := c.finished(id)
	if err != nil {
		return nil, finished, err
	}
	h, err = unpackHistory(d.history)
	if err != nil {
		err = damaged(id, finished, errors.New("history: not compressed as it was"))
	}
	return h, finished, err
}

// Summary implements [storage.Store].
func (s *Store) Summary(ctx context.Context, id saga.ID) (summary []byte, err error) {
	err = s.read(ctx, func(c *content) error {
		d, err := c.ended(id)
		summary = bytes.Clone(d.summary)
		return err
	})
	return summary, err
}

// Vault implements [storage.Store].
func (s *Store) Vault(ctx context.Context, id saga.ID) ([]byte, error) {
	return s.row(ctx, vault, string(id), id)
}

// BySlot implements [storage.Store].
func (s *Store) BySlot(ctx context.Context, subject string) (saga.ID, error) {
	id, err := s.row(ctx, subjects, subject, "")
	return saga.ID(id), err
}

// Request implements [storage.Store].
func (s *Store) Request(ctx context.Context, key string) (storage.RequestKey, error) {
	return decode[storage.RequestKey](s.row(ctx, requests, key, ""))
}

// Plan implements [storage.Store].
func (s *Store) Plan(ctx context.Context, digest string) (saga.Plan, error) {
	return decode[saga.Plan](s.row(ctx, plans, digest, ""))
}

// Meta implements [storage.Store].
func (s *Store) Meta(ctx context.Context, key string) ([]byte, error) {
	return s.row(ctx, meta, key, "")
}

// LastLog implements [storage.Store].
func (s *Store) LastLog(ctx context.Context) (log uint64, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		b, err := parseBook(tx.Bucket([]byte(bookBucket)).Get(bookKey))
		log = b.Log
		return err
	})
	return log, err
}

// row returns a copy of one row's payload.
func (s *Store) row(ctx context.Context, table, key string, id saga.ID) (payload []byte, err error) {
	err = s.read(ctx, func(c *content) error {
		b, err := c.of[table].get([]byte(key), id)
		payload = append([]byte{}, b...)
		return err
	})
	return payload, err
}

func decode[T any](payload []byte, err error) (v T, _ error) {
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(payload, &v); err != nil {
		return v, damaged("", "a row", errors.New("not what its table holds"))
	}
	return v, nil
}
