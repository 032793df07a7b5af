package bus

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
)

// Operator is how an operator decides and asks. It is safe for concurrent use and closes
// nothing: the connection is the caller's.
type Operator struct{ nc *nats.Conn }

// NewOperator makes a client for operators. The user of nc must be one of theirs: the
// server lets nobody else ask.
func NewOperator(nc *nats.Conn) *Operator { return &Operator{nc: nc} }

// Operate does what an operator decided and returns after the commit, or answers what an
// operator asks. A [*ProblemError] says why nothing was done; for the other errors see
// [Ask]. After the context's error a decision may have been recorded: look with
// [events.OpExplain] or [events.OpHolds] before deciding again.
func (o *Operator) Operate(ctx context.Context, op events.Operation) (events.Operated, error) {
	m, err := events.Encode(events.Envelope{ID: newID(), Source: "/operators"}, op)
	if err != nil {
		return events.Operated{}, err
	}
	return askFor[events.Operated](ctx, o.nc, events.SubjectOperate(), m)
}
