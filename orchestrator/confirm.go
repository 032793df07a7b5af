package orchestrator

import (
	"context"
	"errors"

	"github.com/expunge-io/expunge/events"
)

// confirmClock is an operator's word that the clock is right.
func (o *Orchestrator) confirmClock(ctx context.Context, op events.Operation) (events.Payload, error) {
	err := o.ConfirmClock(ctx, op.By, op.Ground)
	if errors.Is(err, ErrClockNotInDoubt) {
		return *problem(events.CodeInvalid, "verb", err.Error()), nil
	}
	if err != nil {
		return nil, err
	}
	return events.Operated{Explain: "the clock is believed: what waited for it goes on", Replicated: true}, nil
}

// confirmRestore is an operator's word that what a restored store lacks is dealt with.
func (o *Orchestrator) confirmRestore(ctx context.Context, op events.Operation) (events.Payload, error) {
	before := o.Recovery()
	err := o.ConfirmRecovered(ctx, op.By, op.Ground)
	if errors.Is(err, ErrNothingToConfirm) {
		return *problem(events.CodeInvalid, "verb", err.Error()), nil
	}
	if err != nil {
		return nil, err
	}
	left := len(o.Recovery().HeldBack)
	line := "the restore is confirmed: erasures go on"
	if freed := len(before.HeldBack) - left; freed > 0 {
		line += ", " + number(freed, "saga") + " that had passed the pivot among them"
	}
	if left > 0 {
		line += "; " + number(left, "saga") + " stay as they ended after the backup"
	}
	return events.Operated{Explain: line, Replicated: true}, nil
}
