package vault

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"

	"github.com/expunge-io/expunge/storage"
)

// ErrSameKey is what Rotate says to the key-encryption key that is in use.
var ErrSameKey = errors.New("vault: the key-encryption key is the one in use")

// Rotate wraps every data key and hash key under another key-encryption key, and returns
// when nothing in the file opens with the one before. Sweep first: a key that nobody needs
// is wrapped like the others.
//
// A process that dies on the way leaves a file that opens with exactly one of the two keys,
// and holds all of it: the new slots are synced beside the old ones, the header then decides
// which of them count, and the others are erased, here or by the next Sweep. No slot is
// changed in place, since a write by halves would cost a live saga its key.
//
// [storage.ErrFull]: nothing was changed, and there has to be space for as many slots again.
// ErrSameKey and [storage.ErrDamaged] change nothing either; the latter names a saga whose
// key cannot be unwrapped. After any other error the process must exit and open the file again.
func (k *Keys) Rotate(to KEK) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	if k.failed != nil {
		return k.failed
	}
	next := newAEAD(to[:])
	h, err := k.header.rewrapped(k.kek, next, k)
	if err != nil {
		return err
	}
	if err := k.destroy(k.leftovers()); err != nil { // they may have the generation that comes next
		return err
	}
	fresh, old, err := k.rewrapSlots(next, h.kek)
	if err != nil {
		return err
	}
	places, err := k.write(fresh)
	if err != nil {
		return err
	}
	if err := k.disk.Sync(); err != nil {
		return k.fail("sync", err)
	}
	if err := writeHeader(k.disk, h); err != nil {
		return k.fail("header", err)
	}
	if err := k.adopt(h, next, func() { k.move(fresh, places) }); err != nil {
		return k.fail("header", err)
	}
	return k.destroy(old)
}

// rewrapped returns the header of the next generation: its canary and hash keys under
// another key-encryption key.
func (h header) rewrapped(from, to cipher.AEAD, k *Keys) (header, error) {
	if _, err := unseal(to, h.canary[:], h.binding("canary", nil)); err == nil {
		return header{}, ErrSameKey
	}
	h.seq++
	h.kek++
	box, err := seal(to, k.random, []byte(canary), h.binding("canary", nil))
	if err != nil {
		return header{}, err
	}
	h.canary = [canarySize]byte(box)
	hashes := make([]wrappedHash, len(h.hashes))
	for i, w := range h.hashes {
		hashes[i].version = w.version
		hashes[i].key, err = rewrap(from, to, k, w.key, h.binding("hash-key", binary.BigEndian.AppendUint32(nil, w.version)))
		if err != nil {
			return header{}, err
		}
	}
	h.hashes = hashes
	return h, nil
}

// rewrapSlots makes a slot of the next generation for each data key, and names the places
// of those that they replace.
func (k *Keys) rewrapSlots(to cipher.AEAD, generation uint32) (fresh []slot, old []*place, err error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for id, p := range k.keys {
		s := slot{id: id, kek: generation}
		if s.key, err = rewrap(k.kek, to, k, p.key, k.header.binding("data-key", []byte(id))); err != nil {
			return nil, nil, &storage.DamagedError{Saga: id, What: "data key"}
		}
		fresh, old = append(fresh, s), append(old, p)
	}
	return fresh, old, nil
}

func rewrap(from, to cipher.AEAD, k *Keys, wrapped [wrappedSize]byte, bound []byte) (w [wrappedSize]byte, err error) {
	key, err := unseal(from, wrapped[:], bound)
	if err != nil {
		return w, err
	}
	defer clear(key)
	box, err := seal(to, k.random, key, bound)
	if err != nil {
		return w, err
	}
	return [wrappedSize]byte(box), nil
}

// move makes the new places those of the sagas' keys. The caller has locked.
func (k *Keys) move(fresh []slot, places []*place) {
	for i, s := range fresh {
		k.keys[s.id] = places[i]
	}
}

// leftovers are the slots that hold nothing of use, and are not zero.
func (k *Keys) leftovers() (places []*place) {
	for i, u := range k.uses {
		if u == torn || u == stale {
			places = append(places, &place{slot: i})
		}
	}
	return places
}
