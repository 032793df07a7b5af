package vault

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/expunge-io/expunge/storage"
)

// hashKey is one version of the key of pseudonyms and indexes.
type hashKey struct {
	version uint32
	key     [keySize]byte
}

// Subject is the domain of [Keys.Pseudonym].
const Subject = "subject"

// Pseudonym names a person: the keyed hash of realm and user id under the newest key.
func (k *Keys) Pseudonym(realm, userID string) string { return k.Hash(Subject, realm, userID) }

// Hash is HMAC-SHA-256 over a domain and its parts under the newest key, as "v1:" and 64
// hexadecimal digits. The parts are encoded so that no two lists of them are the same.
func (k *Keys) Hash(domain string, parts ...string) string {
	return k.newestFirst()[0].hash(domain, parts)
}

// HashAll is Hash under every version of the key, the newest first: look up under all,
// write under the newest.
func (k *Keys) HashAll(domain string, parts ...string) (all []string) {
	for _, h := range k.newestFirst() {
		all = append(all, h.hash(domain, parts))
	}
	return all
}

func (k *Keys) newestFirst() []hashKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.hashes
}

func (h hashKey) hash(domain string, parts []string) string {
	mac := hmac.New(sha256.New, h.key[:])
	var b []byte
	for _, s := range append([]string{domain}, parts...) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	mac.Write(b)
	return fmt.Sprintf("v%d:%s", h.version, hex.EncodeToString(mac.Sum(nil)))
}

// RotateHashKey adds a version of the hash key; the older ones stay for looking up. It is
// on disk when it returns.
func (k *Keys) RotateHashKey() error {
	k.writing.Lock()
	defer k.writing.Unlock()
	if k.failed != nil {
		return k.failed
	}
	h, err := k.header.addHash(k.kek, k.random)
	if err != nil {
		return err
	}
	if err := writeHeader(k.disk, h); err != nil {
		return k.fail("header", err)
	}
	return k.adopt(h, k.kek, func() {})
}

// adopt makes h the header, and kek what its keys are wrapped with. What along does to the
// data keys is seen together with it.
func (k *Keys) adopt(h header, kek cipher.AEAD, along func()) error {
	hashes, err := h.unwrapHashes(kek)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.header, k.kek, k.hashes = h, kek, hashes
	along()
	return nil
}

// unwrapHashes returns the hash keys, the newest first.
func (h header) unwrapHashes(kek cipher.AEAD) (hashes []hashKey, err error) {
	for _, w := range slices.Backward(h.hashes) {
		key, err := unseal(kek, w.key[:], h.binding("hash-key", binary.BigEndian.AppendUint32(nil, w.version)))
		if err != nil {
			return nil, &storage.DamagedError{What: fmt.Sprintf("hash key %d of the keys file", w.version)}
		}
		hashes = append(hashes, hashKey{w.version, [keySize]byte(key)})
		clear(key)
	}
	return hashes, nil
}
