package participants

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/expunge-io/expunge/events"
)

// The waits between two sends of a report: doubled up to the longest, and each shortened
// by up to half at random.
const (
	firstReportWait = 200 * time.Millisecond
	maxReportWait   = 15 * time.Second
)

// problemError is a problem that sending the report again does not mend.
type problemError struct{ events.Problem }

func (e *problemError) Error() string {
	return fmt.Sprintf("the orchestrator does not take the report: %s: %s", e.Code, e.Detail)
}

// deliver reports until a receipt comes, or the worker has to stop. A report that cannot
// be sent is replaced by one that says so, so that the step does not hang in silence.
func (s *shift) deliver(j job, r events.Report) {
	receipt, err := s.tell(s.reporting, j, r)
	if errors.Is(err, ErrUnsendable) {
		s.logOf(j).Error("report cannot be sent", "error", err)
		receipt, err = s.tell(s.reporting, j, failed(events.Misconfigured, codeUnsendable))
	}
	s.cfg.Hooks.report(j.command.Verb, receipt.Outcome)
	switch {
	case err != nil:
		s.logOf(j).Error("report given up", "error", err)
	case receipt.Outcome == events.Rejected:
		s.logOf(j).Error("report refused", "reason", receipt.Reason)
	default:
		s.logOf(j).Debug("reported", "outcome", receipt.Outcome, "reason", receipt.Reason)
	}
}

// tell sends a report under the job's permit until it is received or ctx ends. The error
// is a *problemError, wraps ErrUnsendable, or is the cause of ctx.
func (s *shift) tell(ctx context.Context, j job, r events.Report) (events.Receipt, error) {
	r.Saga, r.Verb, r.Round, r.Permit = j.command.Saga, j.command.Verb, j.command.Round, j.permit.Permit
	id := rand.Text() // the same message each time, so that who has it knows it again
	for n := 0; ; n++ {
		answer, err := s.askAs(ctx, id, j.command.ReportOn, r.Saga, r)
		switch a := answer.(type) {
		case events.Receipt:
			return a, nil
		case events.Problem:
			if a.Code != events.CodeBusy {
				return events.Receipt{}, &problemError{a}
			}
		}
		if errors.Is(err, ErrUnsendable) {
			return events.Receipt{}, err
		}
		if !pause(ctx, reportWait(n)) {
			return events.Receipt{}, context.Cause(ctx)
		}
		s.logOf(j).WarnContext(ctx, "report not answered", "tries", n+1, "error", err)
	}
}

func reportWait(n int) time.Duration {
	d := min(firstReportWait<<min(n, 10), maxReportWait)
	return d - mathrand.N(d/2)
}
