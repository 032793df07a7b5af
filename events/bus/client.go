package bus

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
)

// Client is how a source asks for erasures. It is safe for concurrent use and closes
// nothing: the connection is the caller's.
//
// To miss no summary, [Client.Watch] before asking.
type Client struct {
	nc     *nats.Conn
	source string
}

// NewClient makes a client for a source. The user of nc must be that source's.
func NewClient(nc *nats.Conn, source string) (*Client, error) {
	if err := CheckName(source); err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	return &Client{nc: nc, source: source}, nil
}

// Request asks for an erasure and returns once it is recorded; it then reaches a final
// state whatever happens. Without an idempotency key in r each call is a request of its
// own, which joins a live saga for the same person. For errors see [Ask].
func (c *Client) Request(ctx context.Context, r events.Request) (events.Acceptance, error) {
	m, err := c.encode(newID(), r)
	if err != nil {
		return events.Acceptance{}, err
	}
	return askFor[events.Acceptance](ctx, c.nc, events.SubjectRequest(c.source), m)
}

// Publish stores a request for the orchestrator, also while it is away, and returns once
// the bus has it. The id is the request's idempotency key unless r has one: the same id
// again is the same request, also when [PubAck.Duplicate] says that the bus noticed. The
// acceptance comes as an event of kind accepted; a request that cannot be accepted is set
// aside for an operator, without a word to the source.
//
// A bus that is not set to sync every write may lose what it acknowledged when its machine
// loses power; [Client.Request] is safe from that.
func (c *Client) Publish(ctx context.Context, r events.Request, id string) (PubAck, error) {
	m, err := c.encode(id, r)
	if err != nil {
		return PubAck{}, err
	}
	js, err := jetstream.New(c.nc)
	if err != nil {
		return PubAck{}, fmt.Errorf("publish request: %w", err)
	}
	msg := &nats.Msg{Subject: events.SubjectRequested(c.source), Header: nats.Header(m.Header), Data: m.Data}
	ack, err := js.PublishMsg(ctx, msg, jetstream.WithMsgID(id))
	if err != nil {
		return PubAck{}, fmt.Errorf("publish request: %w", notSent(err))
	}
	return PubAck{Stream: ack.Stream, Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

// Cancel withdraws one request and says what that did. A [*ProblemError]
// with [events.CodeTooLate] says that the erasure had passed the point of no return.
func (c *Client) Cancel(ctx context.Context, r events.Cancel) (events.Cancellation, error) {
	m, err := c.encode(newID(), r)
	if err != nil {
		return events.Cancellation{}, err
	}
	return askFor[events.Cancellation](ctx, c.nc, events.SubjectCancel(c.source), m)
}

// Status asks where a saga stands that serves a request of this source.
func (c *Client) Status(ctx context.Context, saga string) (events.Status, error) {
	m, err := c.encode(newID(), events.StatusQuery{Saga: saga})
	if err != nil {
		return events.Status{}, err
	}
	return askFor[events.Status](ctx, c.nc, events.SubjectStatus(c.source), m)
}

func (c *Client) encode(id string, p events.Payload) (events.Message, error) {
	return events.Encode(events.Envelope{ID: id, Source: "/sources/" + c.source}, p)
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
