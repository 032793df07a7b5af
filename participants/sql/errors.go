package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/expunge-io/expunge/participants"
)

func misconfigured(code, hint string) error {
	return &participants.Misconfigured{Code: code, Err: fmt.Errorf("sql: %s", hint)}
}

// busy is the answer to a lock that was not had in time.
func busy() error { return &participants.RetryAfter{After: time.Second, Code: "busy"} }

func isBusy(err error) bool {
	var retry *participants.RetryAfter
	return errors.As(err, &retry) && retry.Code == "busy"
}

// explain turns an error of the database into a verb, and keeps nothing of its text:
// databases quote values. Our own errors pass.
func (p *Participant) explain(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || ours(err) {
		return err
	}
	if explained := p.dialect.explain(err); explained != nil {
		return explained
	}
	if errors.Is(err, driver.ErrBadConn) {
		return errors.New("sql: the connection broke")
	}
	return fmt.Errorf("sql: an error of type %T", err)
}

// ours reports whether an error was made in this package.
func ours(err error) bool {
	var fault *participants.Misconfigured
	var retry *participants.RetryAfter
	var refused *participants.Refuse
	return errors.As(err, &refused) || errors.As(err, &fault) || errors.As(err, &retry) || errors.Is(err, errNotEmpty)
}
