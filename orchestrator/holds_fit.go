package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// unfitHold says why a hold would keep nothing, or nil: whoever places it must not believe
// that somebody is protected by it.
func (o *Orchestrator) unfitHold(ctx context.Context, op events.Operation) (*events.Problem, error) {
	if !o.hasRealm(op.Realm) {
		return problem(events.CodeInvalid, "realm", "no source has this realm: the hold would lie on nobody"), nil
	}
	// By a clock in doubt the end may only seem to be over.
	if op.Until != nil && !op.Until.After(o.cfg.Now()) && o.trust.why() == "" {
		return problem(events.CodeInvalid, "until", "it is over already: the hold would keep nothing"), nil
	}
	for i, id := range op.Identifiers {
		if !o.anySpec(func(s saga.Spec) bool { return speaksOf(s, string(id.Type)) }) {
			return problem(events.CodeInvalid, fmt.Sprintf("identifiers[%d].type", i), "no plan has identifiers of this type: the hold would lie on nobody"), nil
		}
	}
	if op.Participant == "" || o.anySpec(func(s saga.Spec) bool { return s.Name == op.Participant }) {
		return nil, nil
	}
	there, err := o.underWay(ctx, op.Participant)
	if err != nil || there {
		return nil, err
	}
	return problem(events.CodeInvalid, "participant", "no plan has this participant: the hold would keep nothing"), nil
}

func speaksOf(s saga.Spec, identifier string) bool {
	return slices.Contains(s.Needs, identifier) || slices.Contains(s.Yields, identifier)
}

// anySpec reports whether f holds for a participant of a configured plan.
func (o *Orchestrator) anySpec(f func(saga.Spec) bool) bool {
	for _, p := range o.cfg.Plans {
		if slices.ContainsFunc(p.Participants, f) {
			return true
		}
	}
	return false
}

// underWay reports whether a participant that is not configured any more still has a share
// of a live saga.
func (o *Orchestrator) underWay(ctx context.Context, participant string) (bool, error) {
	for s, err := range o.cfg.Store.Live(ctx) {
		switch {
		case errors.Is(err, storage.ErrDamaged):
		case err != nil:
			return false, err
		case s.Share(participant) != nil:
			return true, nil
		}
	}
	return false, nil
}
