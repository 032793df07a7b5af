package bolt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// head is the last row of a live saga: its state and when it wakes.
type head struct {
	Wake  time.Time  `json:"wake,omitzero"`
	State saga.State `json:"state"`
}

// head returns a saga's state, of a finished one without a wake-up. ErrNotFound, ErrDamaged.
func (c *content) head(id saga.ID) (h head, err error) {
	payload, err := c.of[sagas].get(sagaKey(id, headSeq), id)
	if errors.Is(err, storage.ErrNotFound) {
		f, err := c.ended(id)
		return head{State: f.state}, err
	}
	if err != nil {
		return head{}, err
	}
	if err := json.Unmarshal(payload, &h); err != nil || h.State.ID != id {
		return head{}, damaged(id, sagas, errors.New("not its state"))
	}
	return h, nil
}

// segments returns the history of a live saga and the keys of its rows.
func (c *content) segments(id saga.ID) (h storage.History, keys [][]byte, err error) {
	cursor := c.of[sagas].bucket.Cursor()
	last := sagaKey(id, headSeq)
	for k, row := cursor.Seek(sagaKey(id, 0)); k != nil && bytes.Compare(k, last) < 0; k, row = cursor.Next() {
		payload, err := unpack(sagas, k, row)
		if err != nil {
			return nil, nil, damaged(id, sagas, fmt.Errorf("history: %w", err))
		}
		h = append(h, payload...)
		keys = append(keys, bytes.Clone(k))
	}
	return h, keys, nil
}

// sagas applies the batch's changes, and then the subjects that live sagas have after it.
func (w *writer) sagas(b storage.Batch) error {
	for _, c := range b.Sagas {
		if err := w.change(c); err != nil {
			return err
		}
	}
	for id, subject := range w.before {
		if subject != "" && subject != w.now[id] {
			if err := w.of[subjects].delete([]byte(subject)); err != nil {
				return err
			}
		}
	}
	for _, id := range w.touched {
		if err := w.subject(id, w.now[id]); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) subject(id saga.ID, subject string) error {
	if subject == "" {
		return nil
	}
	switch other, err := w.of[subjects].get([]byte(subject), id); {
	case err == nil && saga.ID(other) == id:
		return nil
	case err == nil:
		return fmt.Errorf("%w: saga %s: its subject has live saga %s", storage.ErrConflict, id, other)
	case !errors.Is(err, storage.ErrNotFound):
		return err
	}
	return w.of[subjects].put([]byte(subject), []byte(id))
}

func (w *writer) change(c storage.Change) error {
	id := c.State.ID
	old, err := w.head(id)
	switch {
	case errors.Is(err, storage.ErrPruned):
		return fmt.Errorf("%w: saga %s: it has ended, and was pruned", storage.ErrConflict, id)
	case err != nil && !errors.Is(err, storage.ErrNotFound):
		return err
	}
	more, err := c.Check(old.State)
	if err != nil {
		return err
	}
	if w.of[plans].bucket.Get([]byte(c.State.Plan)) == nil {
		return fmt.Errorf("%w: saga %s: its plan is not stored", storage.ErrConflict, id)
	}
	w.touch(id, old.State.Slot(), c.State)
	if len(more) > 0 {
		if err := w.of[sagas].put(sagaKey(id, c.Entries[0].Seq), more); err != nil {
			return err
		}
	}
	if err := w.wake(id, old.Wake, c.Wake); err != nil {
		return err
	}
	if c.State.Phase.Final() {
		return w.finish(c)
	}
	return w.live(c)
}

// touch notes which slot the saga has before and after the batch.
func (w *writer) touch(id saga.ID, before string, s saga.State) {
	if _, again := w.before[id]; !again {
		w.touched = append(w.touched, id)
		w.before[id] = before
	}
	w.now[id] = s.Slot()
}

func (w *writer) wake(id saga.ID, old, at time.Time) error {
	if old.Equal(at) {
		return nil
	}
	if !old.IsZero() {
		if err := w.of[timers].delete(timerKey(old, id)); err != nil {
			return err
		}
	}
	if at.IsZero() {
		return nil
	}
	return w.of[timers].put(timerKey(at, id), nil)
}

func (w *writer) live(c storage.Change) error {
	if c.Vault != nil {
		if err := w.of[vault].put([]byte(c.State.ID), c.Vault); err != nil {
			return err
		}
	}
	return w.putJSON(sagas, sagaKey(c.State.ID, headSeq), head{Wake: c.Wake.UTC(), State: c.State})
}
