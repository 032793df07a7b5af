package participants

import (
	"context"
	"time"

	"github.com/expunge-io/expunge/events"
)

// maxLife bounds a permit: more is no life but a fault, and would overflow a duration.
const maxLife = 24 * time.Hour

// grant claims a step. A claim that was sent is waited for even when the worker stops:
// the step may be granted by now, and would rest until the permit is dead.
func (s *shift) grant(c events.Command) (job, Answer) {
	answer, sent, err := s.claim(s.acting, c, "")
	log := s.cfg.Logger.With("saga", c.Saga, "verb", c.Verb, "round", c.Round)
	switch a := answer.(type) {
	case events.Permit:
		if fits(a, c) {
			return job{command: c, permit: a, end: sent.Add(lifeOf(a))}, Granted
		}
		log.Error("the permit is not for the step that was claimed")
	case events.Refusal:
		log.Debug("claim refused", "reason", a.Reason)
		return job{}, Declined
	case events.Problem:
		if a.Code != events.CodeBusy {
			log.Error("the orchestrator does not take the claim", "code", a.Code, "detail", a.Detail)
			return job{}, Declined
		}
	default:
		log.Warn("claim not answered", "error", err)
	}
	return job{}, Unanswered
}

// claim asks for a step, or to renew a permit of it. sent is from before it asked: the
// life of the permit counts from then, on the monotonic clock.
func (s *shift) claim(ctx context.Context, c events.Command, permit string) (answer events.Payload, sent time.Time, err error) {
	sent = time.Now()
	answer, err = s.ask(ctx, c.ClaimOn, c.Saga, events.Claim{
		Saga:     c.Saga,
		Verb:     c.Verb,
		Round:    c.Round,
		Instance: s.cfg.Instance,
		Permit:   permit,
		Time:     s.cfg.Now().UTC(),
	})
	return answer, sent, err
}

func fits(p events.Permit, c events.Command) bool {
	return p.Permit != "" && p.Saga == c.Saga && p.Verb == c.Verb && p.Round == c.Round
}

func lifeOf(p events.Permit) time.Duration {
	return time.Duration(min(max(p.LifeMS, 0), maxLife.Milliseconds())) * time.Millisecond
}
