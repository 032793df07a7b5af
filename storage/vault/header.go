package vault

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/expunge-io/expunge/storage"
)

const (
	magic      = "EXPKEYS\x01"
	headerSize = 2048
	slotsFrom  = 2 * headerSize
	canary     = "expunge canary 1" // 16 bytes
	canarySize = nonceSize + len(canary) + tagSize
	hashFixed  = 4 + wrappedSize
	hashesFrom = len(magic) + 8 + 16 + 4 + canarySize + 4
	mostHashes = (headerSize - sha256.Size - hashesFrom) / hashFixed
)

// header is what the keys file says of itself.
type header struct {
	seq    uint64
	file   [16]byte // random; binds what is wrapped to this file
	kek    uint32   // generation
	canary [canarySize]byte
	hashes []wrappedHash // ascending versions, at least one
}

type wrappedHash struct {
	version uint32
	key     [wrappedSize]byte
}

func (h header) bytes() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint64(b, h.seq)
	b = append(b, h.file[:]...)
	b = binary.BigEndian.AppendUint32(b, h.kek)
	b = append(b, h.canary[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(h.hashes)))
	for _, k := range h.hashes {
		b = binary.BigEndian.AppendUint32(b, k.version)
		b = append(b, k.key[:]...)
	}
	b = b[:headerSize-sha256.Size]
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// parseHeader reads one copy. ok is false if it is damaged or torn.
func parseHeader(b []byte) (h header, ok bool) {
	body, sum := b[:headerSize-sha256.Size], b[headerSize-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(want[:], sum) || string(body[:len(magic)]) != magic {
		return header{}, false
	}
	body = body[len(magic):]
	take := func(n int) []byte {
		part := body[:n]
		body = body[n:]
		return part
	}
	h.seq = binary.BigEndian.Uint64(take(8))
	h.file = [16]byte(take(16))
	h.kek = binary.BigEndian.Uint32(take(4))
	h.canary = [canarySize]byte(take(canarySize))
	n := int(binary.BigEndian.Uint32(take(4)))
	if n == 0 || n > mostHashes {
		return header{}, false
	}
	for range n {
		h.hashes = append(h.hashes, wrappedHash{binary.BigEndian.Uint32(take(4)), [wrappedSize]byte(take(wrappedSize))})
	}
	return h, true
}

// readHeader returns the newest valid copy, and whether the other one differs.
func readHeader(d disk) (h header, differ bool, err error) {
	b := make([]byte, slotsFrom)
	if _, err := d.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return header{}, false, err
	}
	first, ok1 := parseHeader(b[:headerSize])
	second, ok2 := parseHeader(b[headerSize:])
	if !ok1 && !ok2 {
		return header{}, false, damagedHeader(b)
	}
	h = first
	if !ok1 || ok2 && second.seq > first.seq {
		h = second
	}
	return h, !bytes.Equal(b[:headerSize], b[headerSize:]), nil
}

func damagedHeader(b []byte) error {
	if name, format := b[:len(magic)-1], b[len(magic)-1]; string(name) == magic[:len(magic)-1] && format > magic[len(magic)-1] {
		return fmt.Errorf("vault: the keys file has format %d, which is newer than this program", format)
	}
	return &storage.DamagedError{What: "header of the keys file"}
}

// writeHeader replaces both copies, one after the other, so that one is always whole.
func writeHeader(d disk, h header) error {
	b := h.bytes()
	for _, at := range []int64{0, headerSize} {
		if _, err := d.WriteAt(b, at); err != nil {
			return err
		}
		if err := d.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// newHeader makes the header of a new file.
func newHeader(kek cipher.AEAD, random io.Reader) (header, error) {
	h := header{seq: 1, kek: 1}
	if _, err := io.ReadFull(random, h.file[:]); err != nil {
		return header{}, err
	}
	box, err := seal(kek, random, []byte(canary), h.binding("canary", nil))
	if err != nil {
		return header{}, err
	}
	h.canary = [canarySize]byte(box)
	return h.addHash(kek, random)
}

// addHash returns the header with one more hash key.
func (h header) addHash(kek cipher.AEAD, random io.Reader) (header, error) {
	version := uint32(1)
	if n := len(h.hashes); n > 0 {
		version = h.hashes[n-1].version + 1
	}
	if len(h.hashes) == mostHashes {
		return header{}, fmt.Errorf("vault: the keys file has no room for more than %d hash keys", mostHashes)
	}
	wrapped, err := wrapNew(kek, random, h.binding("hash-key", binary.BigEndian.AppendUint32(nil, version)))
	if err != nil {
		return header{}, err
	}
	h.seq++
	h.hashes = append(slices.Clip(h.hashes), wrappedHash{version, wrapped})
	return h, nil
}

// binding is the associated data of what is wrapped in this file for a purpose.
func (h header) binding(purpose string, of []byte) []byte {
	b := append([]byte("expunge/"+purpose+"/1\x00"), h.file[:]...)
	return append(b, of...)
}
