package bus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
)

// publishWait is how long [Publisher.Publish], which has no context, waits for a stream.
const publishWait = 5 * time.Second

// Publisher stores messages in streams. It is safe for concurrent use; each call waits for
// its own acknowledgement, so throughput comes from the number of goroutines.
//
// The adapter publishes; the acknowledgement comes to a reply subject of ours. The adapter
// can wait for it too, but throws away what it says, and with it whether the message was
// taken for a repeat.
type Publisher struct {
	nc      *nats.Conn
	adapter *wmnats.Publisher
	inbox   *inbox
	hooks   Hooks
	closed  atomic.Bool
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher makes a publisher on nc, which stays the caller's.
func NewPublisher(nc *nats.Conn, hooks Hooks) (*Publisher, error) {
	adapter, err := wmnats.NewPublisherWithNatsConn(nc, wmnats.PublisherPublishConfig{
		Marshaler:         marshaler{},
		SubjectCalculator: wmnats.DefaultSubjectCalculator,
		JetStream:         wmnats.JetStreamConfig{Disabled: true}, // see the type's comment
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	box, err := newInbox(nc)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	return &Publisher{nc: nc, adapter: adapter, inbox: box, hooks: hooks}, nil
}

// Publish implements [message.Publisher]: one message after the other, each stored before
// the next is sent; it waits at most 5 s for each. Metadata are sent as headers.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	for _, msg := range messages {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(msg.Context()), publishWait)
		_, err := p.publish(ctx, topic, msg)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// PublishMessage stores m on a subject and returns what the stream answered. msgID is its
// Nats-Msg-Id: within the stream's duplicate window a message with the same one is not
// stored again, so a new issue of the same message needs a new one.
//
// Errors wrap [ErrNotSent], [ErrNoStream], [ErrClosed], a [*StreamError] or the context's.
func (p *Publisher) PublishMessage(ctx context.Context, subject, msgID string, m events.Message) (PubAck, error) {
	msg := message.NewMessage("", m.Data)
	for k, values := range m.Header {
		if len(values) != 1 {
			return PubAck{}, fmt.Errorf("publish on %s: header %s: must have one value", subject, k)
		}
		msg.Metadata[k] = values[0]
	}
	msg.UUID = msg.Metadata[headerID]
	msg.Metadata[nats.MsgIdHdr] = msgID
	return p.publish(ctx, subject, msg)
}

func (p *Publisher) publish(ctx context.Context, subject string, msg *message.Message) (PubAck, error) {
	ack, err := p.send(ctx, subject, msg)
	if err != nil {
		p.hooks.publishFailed()
		return PubAck{}, fmt.Errorf("publish on %s: %w", subject, err)
	}
	return ack, nil
}

func (p *Publisher) send(ctx context.Context, subject string, msg *message.Message) (PubAck, error) {
	if p.closed.Load() {
		return PubAck{}, ErrClosed
	}
	reply, answer := p.inbox.expect()
	defer p.inbox.forget(reply)
	out := msg.Copy()
	out.SetContext(withReply(ctx, reply))
	if err := p.adapter.Publish(subject, out); err != nil {
		return PubAck{}, notSent(err)
	}
	return await(ctx, answer)
}

// notSent tells a connection that is down from a message that cannot be sent at all.
func notSent(err error) error {
	for _, down := range []error{nats.ErrReconnectBufExceeded, nats.ErrConnectionClosed, nats.ErrInvalidConnection, nats.ErrConnectionDraining} {
		if errors.Is(err, down) {
			return errors.Join(ErrNotSent, err)
		}
	}
	return err
}

// Close ends the publisher and leaves its connection alone.
func (p *Publisher) Close() error {
	if p.closed.Swap(true) || p.nc.IsClosed() {
		return nil
	}
	return p.inbox.close()
}

// KeepOpen returns p without its Close: a router closes the publisher of every handler
// that stops, also when other handlers still use it.
func KeepOpen(p message.Publisher) message.Publisher { return keptOpen{p} }

type keptOpen struct{ message.Publisher }

func (keptOpen) Close() error { return nil }
