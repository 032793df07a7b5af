package bolt

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// done is a finished saga as it is kept: its state, its summary and its history, of which
// the first two have their length before them and the last is compressed.
type done struct {
	state   saga.State
	summary []byte
	history []byte
}

// finished returns a finished saga; its slices are valid within the transaction.
func (c *content) finished(id saga.ID) (d done, err error) {
	payload, err := c.of[finished].get([]byte(id), id)
	if err != nil {
		return done{}, err
	}
	state, rest, ok1 := cut(payload)
	summary, history, ok2 := cut(rest)
	if !ok1 || !ok2 || json.Unmarshal(state, &d.state) != nil || d.state.ID != id {
		return done{}, damaged(id, finished, errors.New("not its state"))
	}
	d.summary, d.history = summary, history
	return d, nil
}

// cut takes a part with its length before it off b.
func cut(b []byte) (part, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	return b[n : n+int(size)], b[n+int(size):], true
}

func appendPart(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// finish replaces all rows of a live saga by one.
func (w *writer) finish(c storage.Change) error {
	id := c.State.ID
	history, keys, err := w.segments(id)
	if err != nil {
		return err
	}
	if err := history.Check(c.State.Seq, c.State.Head); err != nil {
		return damaged(id, sagas, err)
	}
	for _, k := range append(keys, sagaKey(id, headSeq)) {
		if err := w.of[sagas].delete(k); err != nil {
			return err
		}
	}
	if err := w.of[vault].delete([]byte(id)); err != nil {
		return err
	}
	state, err := json.Marshal(c.State)
	if err != nil {
		return err
	}
	packed, err := w.archive.pack(history)
	if err != nil {
		return err
	}
	payload := appendPart(appendPart(nil, state), c.Summary)
	return w.of[finished].put([]byte(id), append(payload, packed...))
}

// archive compresses histories; its state is large, and used again.
type archive struct{ w *flate.Writer }

func (a *archive) pack(h storage.History) ([]byte, error) {
	var b bytes.Buffer
	if a.w == nil {
		a.w, _ = flate.NewWriter(nil, flate.DefaultCompression) // the level is a valid one
	}
	a.w.Reset(&b)
	_, err := a.w.Write(h)
	err = errors.Join(err, a.w.Close()) // which writes, too
	return b.Bytes(), err
}

func unpackHistory(b []byte) (storage.History, error) {
	return io.ReadAll(flate.NewReader(bytes.NewReader(b)))
}
