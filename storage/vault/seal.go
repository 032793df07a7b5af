package vault

import (
	"crypto/cipher"
	"fmt"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// boxFormat is the first byte of a box: then a nonce of 12 bytes and the AES-256-GCM
// sealed plaintext. The associated data is "expunge/box/1", a zero byte and the saga's id.
const boxFormat = 1

func boxBinding(id saga.ID) []byte { return []byte("expunge/box/1\x00" + string(id)) }

// Seal returns the plaintext in a box that opens only as this saga's, and only until its
// key is destroyed. ErrNoKey.
func (k *Keys) Seal(id saga.ID, plaintext []byte) (box []byte, err error) {
	key, err := k.dataKey(id)
	if err != nil {
		return nil, err
	}
	box, err = seal(key, k.random, plaintext, boxBinding(id))
	return append([]byte{boxFormat}, box...), err
}

// Open returns what was sealed for the saga. ErrNoKey; [storage.ErrDamaged] for a box that
// was changed, or was never this saga's.
func (k *Keys) Open(id saga.ID, box []byte) (plaintext []byte, err error) {
	key, err := k.dataKey(id)
	if err != nil {
		return nil, err
	}
	if len(box) == 0 || box[0] != boxFormat {
		return nil, &storage.DamagedError{Saga: id, What: "vault: not a box of format 1"}
	}
	plaintext, err = unseal(key, box[1:], boxBinding(id))
	if err != nil {
		return nil, &storage.DamagedError{Saga: id, What: "vault: " + err.Error()}
	}
	return plaintext, nil
}

// dataKey unwraps the saga's key for one use.
func (k *Keys) dataKey(id saga.ID) (cipher.AEAD, error) {
	k.mu.RLock()
	p, h, kek, closed := k.keys[id], k.header, k.kek, k.closed
	var wrapped [wrappedSize]byte
	if p != nil {
		wrapped = p.key // Destroy clears the place as soon as it has taken it out
	}
	k.mu.RUnlock()
	switch {
	case closed:
		return nil, storage.ErrClosed
	case p == nil:
		return nil, fmt.Errorf("%w: %s", ErrNoKey, id)
	}
	key, err := unseal(kek, wrapped[:], h.binding("data-key", []byte(id)))
	if err != nil {
		return nil, &storage.DamagedError{Saga: id, What: "data key"}
	}
	defer clear(key)
	return newAEAD(key), nil
}
