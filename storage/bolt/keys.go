package bolt

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// timeSize is the length of a time in a key.
const timeSize = 12

// timeKey orders as time does, over every time there is: seconds, then nanoseconds.
func timeKey(t time.Time) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(t.Unix())^1<<63)
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

func parseTime(b []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(b)^1<<63), int64(binary.BigEndian.Uint32(b[8:]))).UTC()
}

func timerKey(at time.Time, id saga.ID) []byte { return append(timeKey(at), id...) }

func expiryKey(r storage.RequestKey) []byte { return append(timeKey(r.Expires), r.Key...) }

func messageKey(k storage.MessageKey) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, k.Log), k.Index)
}

// headSeq stands in for a sequence number in the key of a saga's head, which so follows
// its segments.
const headSeq = math.MaxUint64

// sagaKey is the key of the segment that begins with entry seq. No id has a zero byte.
func sagaKey(id saga.ID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(id), 0), seq)
}

// splitSagaKey is the reverse of sagaKey; the id is empty if k is no such key.
func splitSagaKey(k []byte) (id saga.ID, seq uint64) {
	n := len(k) - 9
	if n < 1 || bytes.IndexByte(k, 0) != n {
		return "", 0
	}
	return saga.ID(k[:n]), binary.BigEndian.Uint64(k[n+1:])
}

// after is the least key that is greater than k.
func after(k []byte) []byte { return append(bytes.Clone(k), 0) }
