package bolt

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// A row is a format byte, a checksum and the payload.
const (
	rowFormat = 1
	sumSize   = 16
	rowHead   = 1 + sumSize
)

var errRow = errors.New("the checksum does not fit")

// pack makes the row that keeps payload under key in a table. The checksum binds the
// three, so a row that turns up in another place is damaged.
func pack(table string, key, payload []byte) []byte {
	row := make([]byte, 0, rowHead+len(payload))
	row = append(row, rowFormat)
	row = append(row, rowSum(table, key, rowFormat, payload)...)
	return append(row, payload...)
}

// unpack returns the payload of a row. The slice is part of the row.
func unpack(table string, key, row []byte) ([]byte, error) {
	if len(row) < rowHead || !bytes.Equal(row[1:rowHead], rowSum(table, key, row[0], row[rowHead:])) {
		return nil, errRow
	}
	if row[0] != rowFormat {
		return nil, fmt.Errorf("format %d is newer than this program", row[0])
	}
	return row[rowHead:], nil
}

func rowSum(table string, key []byte, format byte, payload []byte) []byte {
	b := make([]byte, 0, 64+len(table)+len(key))
	b = binary.AppendUvarint(b, uint64(len(table)))
	b = append(b, table...)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(append(b, key...), format)
	h := sha256.New()
	h.Write(b)
	h.Write(payload)
	return h.Sum(b[:0])[:sumSize]
}

// sum is the running digest over a table: how many rows, which keys, and which values.
// A row that is lost, comes back, or is an older one makes it another.
type sum struct {
	Rows   uint64 `json:"rows"`
	Keys   digest `json:"keys"`
	Values digest `json:"values"`
}

// add counts a row in; an equal remove counts it out.
func (s *sum) add(key, row []byte) {
	s.Rows++
	s.flip(key, row)
}

func (s *sum) remove(key, row []byte) {
	s.Rows--
	s.flip(key, row)
}

func (s *sum) flip(key, row []byte) {
	d := sha256.New()
	d.Write(key)
	s.Keys.xor(d.Sum(nil))
	d.Write(row[:min(len(row), rowHead)])
	s.Values.xor(d.Sum(nil))
}

type digest [sumSize]byte

func (d *digest) xor(b []byte) { subtle.XORBytes(d[:], d[:], b[:len(d)]) }

// MarshalText implements [encoding.TextMarshaler].
func (d digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *digest) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(d) {
		return errors.New("digest: wrong length")
	}
	_, err := hex.Decode(d[:], b)
	return err
}
