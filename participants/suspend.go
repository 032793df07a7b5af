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
	undo, fail := a.prepared()
	if fail != nil {
		return *fail
	}
	return a.change("suspend", undo, a.can.suspender.Suspend, events.Suspended)
}

// prepared reports the undo value and returns the one that counts. A value that was
// prepared under an earlier permit is reported again: the share may have been suspended
// since, and reading it now would make that the state to come back to.
func (a *act) prepared() (Undo, *events.Report) {
	undo := a.task.Undo
	if undo == "" {
		read, fail := call(a, "prepare", a.can.suspender.Prepare)
		if fail != nil {
			return "", fail
		}
		undo = read
	}
	if undo == "" {
		return "", broken(codeNoUndo)
	}
	receipt, err := a.prepare(events.Report{Verdict: events.Prepared, Undo: undo})
	if err != nil || receipt.Outcome != events.Took {
		a.log.WarnContext(a.ctx, "suspend not permitted", "outcome", receipt.Outcome, "error", err)
		fail := failed(events.Transient, codeUnprepared)
		return "", &fail
	}
	if receipt.Undo != "" {
		undo = receipt.Undo
	}
	return undo, nil
}

// change suspends or restores, if the permit still lives.
func (a *act) change(ability string, u Undo, f func(context.Context, Task, Undo) (Result, error), done events.Verdict) events.Report {
	res, fail := call(a, ability, func(ctx context.Context, t Task) (Result, error) { return f(ctx, t, u) })
	if fail == nil {
		fail = a.misjudged(res, done, events.Absent)
	}
	if fail != nil {
		return *fail
	}
	return events.Report{Verdict: res.Verdict, Counts: res.Counts}
}

// restore needs the undo value that counts. Nothing is touched without it.
func (a *act) restore() events.Report {
	if a.can.suspender == nil {
		return failed(events.Refused, codeNoAbility)
	}
	if a.task.Undo == "" {
		return failed(events.Refused, codeNoUndo)
	}
	return a.change("restore", a.task.Undo, a.can.suspender.Restore, events.Restored)
}
