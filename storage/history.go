package storage

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// History is a saga's entries, or some that follow each other, as they are stored: the
// very bytes that the hash chain was made of, each followed by a line feed. Histories are
// joined by appending one to the other.
type History []byte

// encode returns the entries as a History, and the head of the chain after them.
func encode(head saga.Hash, entries []saga.Entry) (History, saga.Hash) {
	var h History
	for _, e := range entries {
		b := e.Bytes()
		head = saga.Chain(head, b)
		h = append(append(h, b...), '\n')
	}
	return h, head
}

// Check reports whether a whole history leads to head over seq entries. The error, which
// says what does not fit, is for a [DamagedError].
func (h History) Check(seq uint64, head saga.Hash) error {
	var at saga.Hash
	var n uint64
	for line := range bytes.Lines(h) {
		at = saga.Chain(at, bytes.TrimSuffix(line, []byte("\n")))
		n++
	}
	if n != seq || at != head {
		return fmt.Errorf("history: %d entries do not lead to the state's head", n)
	}
	return nil
}

// Decode returns the entries of a whole history that passes [History.Check].
func (h History) Decode(seq uint64, head saga.Hash) ([]saga.Entry, error) {
	if err := h.Check(seq, head); err != nil {
		return nil, err
	}
	var entries []saga.Entry
	for line := range bytes.Lines(h) {
		var e saga.Entry
		if err := json.Unmarshal(line, &e); err != nil || e.Seq != uint64(len(entries))+1 {
			return nil, fmt.Errorf("history: entry %d does not follow", len(entries)+1)
		}
		entries = append(entries, e)
	}
	return entries, nil
}
