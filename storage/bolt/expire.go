package bolt

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/expunge-io/expunge/storage"
)

// requests keeps the batch's request keys and drops those that have expired. Each has a
// row in expiries, in the order of time.
func (w *writer) requests(b storage.Batch) error {
	for _, r := range b.Requests {
		if err := w.putRequest(r); err != nil {
			return err
		}
	}
	if b.Expire.IsZero() {
		return nil
	}
	for _, k := range w.expired(timeKey(b.Expire)) {
		if err := w.expire(k); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) putRequest(r storage.RequestKey) error {
	old, err := w.request([]byte(r.Key))
	if err == nil {
		err = w.of[expiries].delete(expiryKey(old))
	}
	// The expiry of a damaged one stays, and will find another request key in its place.
	if err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrDamaged) {
		return err
	}
	return errors.Join(w.putJSON(requests, []byte(r.Key), r), w.of[expiries].put(expiryKey(r), nil))
}

func (c *content) request(key []byte) (r storage.RequestKey, err error) {
	payload, err := c.of[requests].get(key, "")
	if err == nil {
		err = json.Unmarshal(payload, &r)
	}
	return r, err
}

// expired returns the keys of expiries before a time. Deleting moves a cursor, so they
// are collected first.
func (w *writer) expired(before []byte) (keys [][]byte) {
	c := w.of[expiries].bucket.Cursor()
	for k, _ := c.First(); k != nil && bytes.Compare(k, before) < 0; k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	return keys
}

func (w *writer) expire(k []byte) error {
	if err := w.of[expiries].delete(k); err != nil {
		return err
	}
	key := k[timeSize:]
	r, err := w.request(key)
	if err == nil && !bytes.Equal(expiryKey(r), k) {
		return nil // it was replaced, and expires another time
	}
	return w.of[requests].delete(key)
}
