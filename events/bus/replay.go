package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
)

// Stored is a message as it stands on a stream.
type Stored struct {
	Subject  string
	Sequence uint64
	Message  events.Message
}

// ID is the Nats-Msg-Id, or "".
func (s Stored) ID() string {
	if v := s.Message.Header[nats.MsgIdHdr]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Replay yields what is on a stream that keeps its messages, from a sequence on, oldest
// first, and ends with what was the last message when it began. After an error it ends.
func Replay(ctx context.Context, nc *nats.Conn, stream string, from uint64) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		if err := replay(ctx, nc, stream, from, yield); err != nil {
			yield(Stored{}, fmt.Errorf("replay %s: %w", stream, err))
		}
	}
}

func replay(ctx context.Context, nc *nats.Conn, stream string, from uint64, yield func(Stored, error) bool) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	state := s.CachedInfo().State
	from = max(from, state.FirstSeq, 1)
	if state.Msgs == 0 || state.LastSeq < from {
		return nil
	}
	messages, end, err := ordered(ctx, s, from)
	if err != nil {
		return err
	}
	defer end()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		out := Stored{Subject: m.Subject(), Sequence: meta.Sequence.Stream, Message: events.Message{Header: events.Header(m.Headers()), Data: m.Data()}}
		if !yield(out, nil) || meta.Sequence.Stream >= state.LastSeq {
			return nil
		}
	}
}

func ordered(ctx context.Context, s jetstream.Stream, from uint64) (messages jetstream.MessagesContext, end func(), err error) {
	c, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from})
	if err != nil {
		return nil, nil, err
	}
	messages, err = c.Messages()
	if err != nil {
		return nil, nil, err
	}
	return messages, messages.Stop, nil
}

// Last returns the newest message on a subject of a stream; false: there is none.
func Last(ctx context.Context, nc *nats.Conn, stream, subject string) (m Stored, ok bool, err error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return Stored{}, false, fmt.Errorf("last on %s: %w", subject, err)
	}
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return Stored{}, false, fmt.Errorf("last on %s: %w", subject, err)
	}
	raw, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Stored{}, false, nil
	}
	if err != nil {
		return Stored{}, false, fmt.Errorf("last on %s: %w", subject, err)
	}
	return Stored{Subject: raw.Subject, Sequence: raw.Sequence, Message: events.Message{Header: events.Header(raw.Header), Data: raw.Data}}, true, nil
}
