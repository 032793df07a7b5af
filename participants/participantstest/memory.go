package participantstest

import "github.com/expunge-io/expunge/events"

// received answers a report that is accepted. The undo value that counts is the first one
// that was prepared in the saga, whoever prepares another one later.
func (o *Orchestrator) received(r events.Report) events.Payload {
	receipt := events.Receipt{Outcome: events.Took}
	if r.Verdict != events.Prepared {
		return receipt
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, prepared := o.undo[r.Saga]; !prepared {
		o.undo[r.Saga] = r.Undo
	}
	receipt.Undo = o.undo[r.Saga]
	return receipt
}

// undoFor is what a permit hands out of what was prepared; empty for other verbs.
func (o *Orchestrator) undoFor(c events.Claim) events.Private {
	if c.Verb != events.Suspend && c.Verb != events.Restore {
		return ""
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.undo[c.Saga]
}
