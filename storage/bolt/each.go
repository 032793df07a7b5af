package bolt

import (
	"bytes"
	"context"
	"errors"
	"iter"

	"go.etcd.io/bbolt"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// A portion of an iteration ends after so many rows or bytes.
const (
	portionRows  = 256
	portionBytes = 1 << 20
)

// each yields the rows of a table that seek finds, each as parse reads it. A transaction
// stays open for a portion only: one held by the caller's loop would keep freed pages from
// being used again, and a commit within the loop might wait for it for ever.
func each[T any](ctx context.Context, s *Store, name string, from []byte, seek seek, parse func(key, row []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for from := from; ; {
			part, err := portion(ctx, s, name, &from, seek, parse)
			for _, p := range part {
				if !yield(p.value, p.err) {
					return
				}
			}
			if err != nil {
				var none T
				yield(none, err)
			}
			if err != nil || len(part) == 0 {
				return
			}
		}
	}
}

// seek finds the first row that belongs to the iteration from a key on.
type seek func(c *bbolt.Cursor, from []byte) (key, row []byte)

func everyRow(c *bbolt.Cursor, from []byte) (key, row []byte) { return c.Seek(from) }

// everyHead skips the segments: a saga's head is its last row.
func everyHead(c *bbolt.Cursor, from []byte) (key, row []byte) {
	k, row := c.Seek(from)
	id, seq := splitSagaKey(k)
	if k == nil || seq == headSeq {
		return k, row
	}
	want := sagaKey(id, headSeq)
	if k, row = c.Seek(want); bytes.Equal(k, want) {
		return k, row
	}
	return want, nil
}

type parsed[T any] struct {
	value T
	err   error
}

// portion reads on from a key, and moves it.
func portion[T any](ctx context.Context, s *Store, name string, from *[]byte, seek seek, parse func(key, row []byte) (T, error)) (part []parsed[T], err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(name)).Cursor()
		size := 0
		for k, row := seek(c, *from); k != nil; k, row = seek(c, *from) {
			v, err := parse(k, row)
			part = append(part, parsed[T]{v, err})
			*from = after(k)
			if size += len(row); len(part) == portionRows || size >= portionBytes {
				return nil
			}
		}
		return nil
	})
	return part, err
}

// Timers implements [storage.Store].
func (s *Store) Timers(ctx context.Context) iter.Seq2[storage.Timer, error] {
	return each(ctx, s, timers, nil, everyRow, func(k, row []byte) (storage.Timer, error) {
		if _, err := unpack(timers, k, row); err != nil {
			return storage.Timer{}, damaged("", timers, err)
		}
		return parseTimer(k), nil
	})
}

func parseTimer(k []byte) storage.Timer {
	return storage.Timer{At: parseTime(k), Saga: saga.ID(k[timeSize:])}
}

// Outbox implements [storage.Store].
func (s *Store) Outbox(ctx context.Context) iter.Seq2[storage.Message, error] {
	return each(ctx, s, outbox, nil, everyRow, jsonIn[storage.Message](outbox))
}

// Holds implements [storage.Store].
func (s *Store) Holds(ctx context.Context) iter.Seq2[storage.Hold, error] {
	return each(ctx, s, holds, nil, everyRow, jsonIn[storage.Hold](holds))
}

// DeadLetters implements [storage.Store].
func (s *Store) DeadLetters(ctx context.Context) iter.Seq2[storage.DeadLetter, error] {
	return each(ctx, s, letters, nil, everyRow, jsonIn[storage.DeadLetter](letters))
}

func jsonIn[T any](name string) func(k, row []byte) (T, error) {
	return func(k, row []byte) (v T, _ error) {
		payload, err := unpack(name, k, row)
		if err != nil {
			return v, damaged("", name, err)
		}
		return decode[T](payload, nil)
	}
}

// Live implements [storage.Store].
func (s *Store) Live(ctx context.Context) iter.Seq2[saga.State, error] {
	return each(ctx, s, sagas, nil, everyHead, func(k, row []byte) (saga.State, error) {
		id, _ := splitSagaKey(k)
		payload, err := unpack(sagas, k, row)
		if err != nil {
			return saga.State{}, damaged(id, sagas, err)
		}
		h, err := decode[head](payload, nil)
		if err != nil || h.State.ID != id {
			return saga.State{}, damaged(id, sagas, errors.New("not its state"))
		}
		return h.State, nil
	})
}

// Finished implements [storage.Store]. It looks at ids only, not at what is kept of them.
func (s *Store) Finished(ctx context.Context, from saga.ID) iter.Seq2[saga.ID, error] {
	start := after([]byte(from))
	if from == "" {
		start = nil
	}
	return each(ctx, s, finished, start, everyRow, func(k, _ []byte) (saga.ID, error) { return saga.ID(k), nil })
}
