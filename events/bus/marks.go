package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Mark is how far a stream has come, to be compared with what was noted before: another
// incarnation, or a lower sequence, means that the bus lost messages.
type Mark struct {
	Stream      string
	Incarnation time.Time // when the stream was created, UTC
	Sequence    uint64    // of its last message, whether it is still there or not; 0: none yet
}

// Lost reports whether messages up to noted may be missing from a stream that is now at m.
func (m Mark) Lost(noted Mark) bool {
	return !m.Incarnation.Equal(noted.Incarnation) || m.Sequence < noted.Sequence
}

// StreamMark reads the mark of one stream; a stream that is not there is an error that
// wraps [jetstream.ErrStreamNotFound].
func StreamMark(ctx context.Context, nc *nats.Conn, stream string) (Mark, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return Mark{}, fmt.Errorf("mark of %s: %w", stream, err)
	}
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return Mark{}, fmt.Errorf("mark of %s: %w", stream, err)
	}
	info := s.CachedInfo()
	return Mark{Stream: stream, Incarnation: info.Created.UTC(), Sequence: info.State.LastSeq}, nil
}
