package bus

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// PubAck is what a stream answers to a publish. A server that acknowledges has the message
// in its files; whether it is fsynced depends on its durability, see [ServerConfig].
type PubAck struct {
	Stream    string
	Sequence  uint64
	Duplicate bool // a message with the same Nats-Msg-Id is there already; this one was not stored
}

// Reasons why a publish was not acknowledged, besides the context's end. After ErrNotSent
// and ErrNoStream the message is certainly not stored; after anything else it may be.
var (
	ErrNotSent  = errors.New("the bus is not connected")
	ErrNoStream = errors.New("no stream takes this subject, or this user may not publish on it")
	ErrClosed   = errors.New("closed")
)

// StreamError is a stream's refusal: nothing was stored.
type StreamError struct {
	Code        int // of the server's API errors, for example 10077: maximum bytes exceeded
	Description string
}

func (e *StreamError) Error() string {
	return fmt.Sprintf("the stream refuses: %s (%d)", e.Description, e.Code)
}

const statusNoResponders = "503"

func parsePubAck(m *nats.Msg) (PubAck, error) {
	if len(m.Data) == 0 && m.Header.Get("Status") == statusNoResponders {
		return PubAck{}, ErrNoStream
	}
	var body struct {
		Stream    string `json:"stream"`
		Sequence  uint64 `json:"seq"`
		Duplicate bool   `json:"duplicate"`
		Error     *struct {
			Code        int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &body); err != nil {
		return PubAck{}, errors.New("the answer is not an acknowledgement")
	}
	if body.Error != nil {
		return PubAck{}, &StreamError{Code: body.Error.Code, Description: body.Error.Description}
	}
	if body.Stream == "" || body.Sequence == 0 {
		return PubAck{}, errors.New("the answer is not an acknowledgement")
	}
	return PubAck{Stream: body.Stream, Sequence: body.Sequence, Duplicate: body.Duplicate}, nil
}
