package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
)

// ErrNoAnswer says that nobody serves the subject now, or that this user may not ask on
// it. The server said so at once; nothing was recorded.
var ErrNoAnswer = errors.New("nobody serves this subject")

// ProblemError is an answer that the request was understood and not taken.
type ProblemError struct{ Problem events.Problem }

func (e *ProblemError) Error() string {
	if e.Problem.Field == "" {
		return e.Problem.Code + ": " + e.Problem.Detail
	}
	return e.Problem.Code + ": " + e.Problem.Field + ": " + e.Problem.Detail
}

// askWait is how long Ask waits for an answer when its context has no deadline.
const askWait = 30 * time.Second

// Ask sends m as a request and returns the decoded answer. A worker claims and reports
// with it. Errors wrap [ErrNoAnswer], [ErrNotSent], a [*ProblemError], the context's, or
// those of [events.DecodeAny]. After the context's error the request may have been
// recorded: ask again with the same id.
func Ask(ctx context.Context, nc *nats.Conn, subject string, m events.Message) (events.Payload, error) {
	if _, ok := ctx.Deadline(); !ok { // an answer that was lost is never sent again
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askWait)
		defer cancel()
	}
	answer, err := nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Header: nats.Header(m.Header), Data: m.Data})
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("ask on %s: %w", subject, ErrNoAnswer)
	case err != nil:
		return nil, fmt.Errorf("ask on %s: %w", subject, notSent(err))
	}
	_, payload, err := events.DecodeAny(events.Header(answer.Header), answer.Data)
	if err != nil {
		return nil, fmt.Errorf("answer on %s: %w", subject, err)
	}
	if p, ok := payload.(events.Problem); ok {
		return nil, fmt.Errorf("ask on %s: %w", subject, &ProblemError{Problem: p})
	}
	return payload, nil
}

// askFor is [Ask] where one type of answer is expected.
func askFor[P events.Payload](ctx context.Context, nc *nats.Conn, subject string, m events.Message) (P, error) {
	var none P
	payload, err := Ask(ctx, nc, subject, m)
	if err != nil {
		return none, err
	}
	answer, ok := payload.(P)
	if !ok {
		return none, fmt.Errorf("answer on %s: %w: %s", subject, events.ErrUnknownType, events.TypeOf(payload))
	}
	return answer, nil
}
