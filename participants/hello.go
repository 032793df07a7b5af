package participants

import (
	"context"
	"time"

	"github.com/expunge-io/expunge/events"
)

// How often a worker announces itself, and how soon again when nobody answered. Presence
// is all that depends on it.
const (
	helloEvery = time.Minute
	helloAgain = 5 * time.Second
)

// greet announces the worker now and every minute until ctx ends. What the orchestrator
// has against it is logged when it changes.
func (s *shift) greet(ctx context.Context) {
	said := "" // what was logged last
	for {
		now := s.hello(ctx)
		if now != said && ctx.Err() == nil {
			said = now
			s.sayFault(ctx, now)
		}
		wait := helloEvery
		if now == notAnswered {
			wait = helloAgain
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

const (
	notAnswered = "hello not answered"
	notKnown    = "no configured plan has this participant"
)

// hello announces the worker once and returns what is wrong; empty: nothing.
func (s *shift) hello(ctx context.Context) string {
	answer, err := s.ask(ctx, events.SubjectHello(s.cfg.Name), "", events.Hello{
		Instance:  s.cfg.Instance,
		Version:   s.cfg.Version,
		Abilities: s.can.verbs(),
		Needs:     s.can.needs,
		Yields:    s.can.yields,
		Time:      s.cfg.Now().UTC(),
	})
	w, ok := answer.(events.Welcome)
	switch {
	case err != nil || !ok:
		return notAnswered
	case w.Fault != "":
		return w.Fault
	case !w.Known:
		return notKnown
	}
	return ""
}

func (s *shift) sayFault(ctx context.Context, fault string) {
	switch fault {
	case "":
		s.cfg.Logger.InfoContext(ctx, "the orchestrator knows this worker")
	case notAnswered:
		s.cfg.Logger.WarnContext(ctx, "the orchestrator did not answer the worker's hello")
	default:
		s.cfg.Logger.ErrorContext(ctx, "the worker does not fit the plans", "fault", fault)
	}
}
