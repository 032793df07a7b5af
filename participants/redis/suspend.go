package redis

import (
	"context"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

var _ participants.Suspender = Suspender{}

// Suspender is a [Participant] that ends the person's sessions at once: one with
// [Config.Suspend].
type Suspender struct{ *Participant }

// Suspender returns the participant with the ability to suspend; ok is false without
// [Config.Suspend]. A participant without it must not claim the ability.
func (p *Participant) Suspender() (s Suspender, ok bool) { return Suspender{p}, p.config.Suspend }

// nothingToBringBack is the undo of a suspend that only ends.
const nothingToBringBack participants.Undo = `{"brings_back":"nothing"}`

// Prepare implements [participants.Suspender].
func (s Suspender) Prepare(ctx context.Context, t participants.Task) (participants.Undo, error) {
	if _, err := s.survey(ctx, t); err != nil {
		return "", err
	}
	return nothingToBringBack, nil
}

// Suspend implements [participants.Suspender]: it deletes the entries.
func (s Suspender) Suspend(ctx context.Context, t participants.Task, _ participants.Undo) (participants.Result, error) {
	res, err := s.clear(ctx, t)
	if res.Verdict = events.Absent; res.Counts.Total() > 0 {
		res.Verdict = events.Suspended
	}
	return res, err
}

// Restore implements [participants.Suspender]: nothing is brought back.
func (s Suspender) Restore(ctx context.Context, t participants.Task, _ participants.Undo) (participants.Result, error) {
	if _, err := s.survey(ctx, t); err != nil {
		return participants.Result{}, err
	}
	return participants.Result{Verdict: events.Absent, Counts: s.none()}, nil
}
