package storage

import (
	"fmt"
	"strings"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// longestID bounds a saga's id; a UUID has 36 bytes.
const longestID = 40

// Check reports why the change cannot follow prev, the saga's stored state (zero: the
// saga is new), or returns the history that it appends. The error is an [ErrConflict].
// Every store calls it for each change.
func (c Change) Check(prev saga.State) (History, error) {
	if why := c.misfit(prev); why != "" {
		return nil, c.conflict(why)
	}
	history, head := encode(prev.Head, c.Entries)
	if head != c.State.Head {
		return nil, c.conflict("its entries do not lead to its head")
	}
	return history, nil
}

func (c Change) conflict(why string) error {
	return fmt.Errorf("%w: saga %s: %s", ErrConflict, c.State.ID, why)
}

func (c Change) misfit(prev saga.State) (why string) {
	final := c.State.Phase.Final()
	switch {
	case c.State.ID == "" || len(c.State.ID) > longestID || strings.ContainsRune(string(c.State.ID), 0):
		return "not an id"
	case len(c.State.Subject) > longestKey:
		return "its subject is too long"
	case prev.Phase.Final():
		return "it has ended"
	case prev.ID == "" && len(c.Entries) == 0:
		return "it has no beginning"
	case c.State.Seq != prev.Seq+uint64(len(c.Entries)):
		return "entries are missing"
	case final != c.Wake.IsZero():
		return "a live saga has a wake-up, a final one has none"
	case final != (len(c.Summary) > 0):
		return "a final saga has a summary, a live one has none"
	}
	return ""
}

// longestKey bounds the keys that a caller chooses.
const longestKey = 1024

// Check reports why the batch cannot be committed to any store, whatever is in it: an
// [ErrConflict], or nil. Every store calls it.
func (b Batch) Check() error {
	for i, m := range b.Outbox {
		if m.Key.Log != b.Log || i > 0 && m.Key.Index <= b.Outbox[i-1].Key.Index {
			return fmt.Errorf("%w: batch %d: message %d/%d is out of order", ErrConflict, b.Log, m.Key.Log, m.Key.Index)
		}
	}
	for _, r := range b.Requests {
		if badKey(r.Key) {
			return fmt.Errorf("%w: batch %d: a request key has %d bytes", ErrConflict, b.Log, len(r.Key))
		}
	}
	for _, h := range b.Holds {
		if badKey(h.ID) || len(h.On) == 0 {
			return fmt.Errorf("%w: batch %d: a hold has no id, or lies on nobody", ErrConflict, b.Log)
		}
	}
	for k := range b.Meta {
		if badKey(k) {
			return fmt.Errorf("%w: batch %d: a meta key has %d bytes", ErrConflict, b.Log, len(k))
		}
	}
	return nil
}

func badKey(k string) bool { return k == "" || len(k) > longestKey }
