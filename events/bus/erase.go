package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
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
	if err != nil && isGone(ctx, js, stream, sequence) {
		return nil
	}
	return wrap(err, "delete message %d of %s", sequence, stream)
}

// isGone looks, because the server has several codes for a message that is not there, and
// one of them is also that of a delete that went wrong.
func isGone(ctx context.Context, js nats.JetStreamContext, stream string, sequence uint64) bool {
	_, err := js.GetMsg(stream, sequence, nats.Context(ctx))
	return errors.Is(err, nats.ErrMsgNotFound)
}
