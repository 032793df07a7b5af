package sila

import (
	"encoding/hex"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"
)

// key is a private key of the app or of a user.
type key struct{ private *secp256k1.PrivateKey }

// parseKey reads 64 hexadecimal digits, with or without 0x before them.
func parseKey(text string) (*key, bool) {
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(b) != secp256k1.PrivKeyBytesLen {
		return nil, false
	}
	var scalar secp256k1.ModNScalar
	if overflow := scalar.SetByteSlice(b); overflow || scalar.IsZero() {
		return nil, false
	}
	return &key{secp256k1.NewPrivateKey(&scalar)}, true
}

// sign returns the vendor's form of a signature over the exact bytes of a body: r, s and
// v, in hexadecimal. The library puts v first.
func (k *key) sign(body []byte) string {
	hash := sha3.NewLegacyKeccak256()
	hash.Write(body)
	compact := ecdsa.SignCompact(k.private, hash.Sum(nil), false)
	return hex.EncodeToString(append(compact[1:], compact[0]))
}
