package participants

import (
	"context"
	"time"

	"github.com/expunge-io/expunge/events"
)

// minRenewal is the shortest rest of a life that is worth a renewal.
const minRenewal = 100 * time.Millisecond

// keepAlive renews the job's permit while ctx lives: each time half of what is left is
// over, so that an unanswered renewal is tried again sooner and sooner. A refusal ends the
// lease at once.
func (s *shift) keepAlive(ctx context.Context, j job, l *lease) {
	for {
		left := l.left()
		if left < minRenewal || !pause(ctx, left/2) {
			return
		}
		became := s.renew(ctx, j, l)
		if ctx.Err() != nil {
			return // the work is done, and with it the renewal
		}
		s.cfg.Hooks.renewal(j.command.Verb, became)
		if became == Declined {
			return
		}
	}
}

// renew asks once.
func (s *shift) renew(ctx context.Context, j job, l *lease) Answer {
	answer, sent, err := s.claim(ctx, j.command, j.permit.Permit)
	log := s.logOf(j)
	switch a := answer.(type) {
	case events.Permit:
		if !fits(a, j.command) || a.Permit != j.permit.Permit {
			log.ErrorContext(ctx, "the renewal is of another permit")
			l.withdraw()
			return Declined
		}
		l.extend(sent.Add(lifeOf(a)))
		return Granted
	case events.Refusal:
		log.WarnContext(ctx, "permit not renewed", "reason", a.Reason)
		if a.Reason == events.RefusedNotReady { // a restart withdraws nothing
			return Unanswered
		}
		l.withdraw()
		return Declined
	case events.Problem:
		if a.Code != events.CodeBusy { // the permit stays good until its end
			log.ErrorContext(ctx, "the orchestrator does not take the renewal", "code", a.Code, "detail", a.Detail)
			return Declined
		}
	default:
		if ctx.Err() == nil {
			log.WarnContext(ctx, "renewal not answered", "error", err)
		}
	}
	return Unanswered
}
