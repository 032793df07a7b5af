package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

const (
	slotSize  = 128
	longestID = 40
	sumSize   = 16
	slotUsed  = 1
)

// slot is one data key as it rests in the file.
type slot struct {
	id  saga.ID
	kek uint32
	key [wrappedSize]byte
}

func (s slot) bytes() []byte {
	b := make([]byte, 0, slotSize)
	b = append(b, slotUsed, byte(len(s.id)))
	b = append(b, s.id...)
	b = b[:2+longestID]
	b = binary.BigEndian.AppendUint32(b, s.kek)
	b = append(b, s.key[:]...)
	b = b[:slotSize-sumSize]
	sum := sha256.Sum256(b)
	return append(b, sum[:sumSize]...)
}

// use says what a slot of the file is used for.
type use byte

const (
	free  use = iota // all zero
	taken            // holds a key
	torn             // written or erased by halves, or damaged: holds nothing, but is not zero
	stale            // of another KEK generation: a rotation that was cut off left it, and there is nothing that it alone holds
)

func parseSlot(b []byte) (slot, use) {
	if bytes.Equal(b, make([]byte, slotSize)) {
		return slot{}, free
	}
	sum := sha256.Sum256(b[:slotSize-sumSize])
	n := int(b[1])
	if !bytes.Equal(sum[:sumSize], b[slotSize-sumSize:]) || b[0] != slotUsed || n == 0 || n > longestID {
		return slot{}, torn
	}
	s := slot{id: saga.ID(b[2 : 2+n]), kek: binary.BigEndian.Uint32(b[2+longestID:])}
	copy(s.key[:], b[2+longestID+4:])
	return s, taken
}

func slotAt(i int) int64 { return slotsFrom + int64(i)*slotSize }
