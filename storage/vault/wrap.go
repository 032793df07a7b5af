package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"io"
)

const (
	keySize     = 32
	nonceSize   = 12
	tagSize     = 16
	wrappedSize = nonceSize + keySize + tagSize
)

// errSealed means that a box was not sealed with this key, for this purpose.
var errSealed = errors.New("vault: the seal does not fit")

func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("vault: a key of 32 bytes is always a key: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("vault: AES always has a GCM: " + err.Error())
	}
	return aead
}

// seal returns a fresh nonce followed by the sealed plaintext.
func seal(aead cipher.AEAD, random io.Reader, plaintext, bound []byte) ([]byte, error) {
	nonce := make([]byte, nonceSize, nonceSize+len(plaintext)+tagSize)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, err
	}
	return aead.Seal(nonce, nonce, plaintext, bound), nil
}

func unseal(aead cipher.AEAD, box, bound []byte) ([]byte, error) {
	if len(box) < nonceSize+tagSize {
		return nil, errSealed
	}
	plaintext, err := aead.Open(nil, box[:nonceSize], box[nonceSize:], bound)
	if err != nil {
		return nil, errSealed
	}
	return plaintext, nil
}

// wrapNew makes a new key and returns it wrapped.
func wrapNew(kek cipher.AEAD, random io.Reader, bound []byte) (w [wrappedSize]byte, err error) {
	var key [keySize]byte
	defer clear(key[:])
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return w, err
	}
	box, err := seal(kek, random, key[:], bound)
	if err != nil {
		return w, err
	}
	return [wrappedSize]byte(box), nil
}
