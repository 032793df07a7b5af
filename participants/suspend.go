package participants

import (
	"context"

	"github.com/expunge-io/expunge/events"
)

// suspend is two exchanges: what the act will overwrite is sealed by the orchestrator
// first, and only the receipt for it permits the act.
func (a *act) suspend() events.Report {
	if a.can.suspender == nil {
		return failed(events.Refused, codeNoAbility)
	}
	undo, fail := call(a, "prepare", a.can.suspender.Prepare)
	if fail != nil {
		return *fail
	}
	receipt, err := a.prepare(events.Report{Verdict: events.Prepared, Undo: undo})
	if err != nil || receipt.Outcome != events.Took {
		a.log.WarnContext(a.ctx, "suspend not permitted", "reason", receipt.Reason, "error", err)
		return failed(events.Transient, codeUnprepared)
	}
	res, fail := call(a, "suspend", func(ctx context.Context, t Task) (Result, error) {
		return a.can.suspender.Suspend(ctx, t, undo)
	})
	if fail == nil {
		fail = a.misjudged(res, events.Suspended)
	}
	if fail != nil {
		return *fail
	}
	return events.Report{Verdict: res.Verdict, Counts: res.Counts}
}

// restore needs the undo value that the orchestrator sealed, and a [events.Permit] has no
// place for it yet. Nothing is touched without it.
func (a *act) restore() events.Report {
	if a.can.suspender == nil {
		return failed(events.Refused, codeNoAbility)
	}
	return failed(events.Refused, codeNoUndo)
}
