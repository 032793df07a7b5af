package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Error codes of the server for a message that is not there (any more).
const (
	codeNoMessage   nats.ErrorCode = 10037
	codeNotFoundSeq nats.ErrorCode = 10043
)

// DeleteSecurely overwrites one message of a request stream and removes it. It returns
// after the server has done so; a message that is already gone is a success. It is for the
// orchestrator's user alone.
//
// It removes the message from the stream's file on one server. It does not reach replicas,
// backups and file systems that keep old blocks.
func DeleteSecurely(ctx context.Context, nc *nats.Conn, stream string, sequence uint64) error {
	js, err := nc.JetStream()
	if err != nil {
		return fmt.Errorf("delete from %s: %w", stream, err)
	}
	err = js.SecureDeleteMsg(stream, sequence, nats.Context(ctx))
	var api *nats.APIError
	if errors.As(err, &api) && (api.ErrorCode == codeNoMessage || api.ErrorCode == codeNotFoundSeq) {
		return nil
	}
	return wrap(err, "delete message %d of %s", sequence, stream)
}
