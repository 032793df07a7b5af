package participants

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
)

// act is one step in the participant's hands.
type act struct {
	ctx     context.Context // ends with the permit
	name    string
	can     abilities
	task    Task
	now     func() time.Time
	log     *slog.Logger
	scrub   func(string) string
	prepare func(events.Report) (events.Receipt, error) // reports what suspend is about to overwrite
}

// do carries out the task's verb and returns the report on it, less the names of the
// permit. It never panics.
func (a *act) do() events.Report {
	if !a.narrows() {
		return failed(events.Refused, codeNoItems)
	}
	switch a.task.Verb {
	case events.Resolve:
		return a.resolve()
	case events.Suspend:
		return a.suspend()
	case events.Restore:
		return a.restore()
	case events.Erase:
		return a.erase()
	case events.Verify:
		return a.verify()
	}
	return failed(events.Refused, codeUnknownVerb)
}

// narrows reports whether the participant can keep to the task's items: one that cannot
// would take them for the whole share.
func (a *act) narrows() bool {
	return !slices.ContainsFunc(a.task.Items, func(i events.Item) bool {
		return i.Participant != a.name || !slices.Contains(a.can.items, i.Kind)
	})
}

// resolve reports what the share looks like before anything is touched.
func (a *act) resolve() events.Report {
	if a.can.resolver == nil && a.can.counter == nil {
		return failed(events.Refused, codeNoAbility)
	}
	ids, fail := a.identifiers()
	if fail != nil {
		return *fail
	}
	counts, fail := a.count()
	if fail != nil {
		return *fail
	}
	nothing := len(ids) == 0 && counts.Total() == 0
	if nothing && a.can.counter != nil { // who cannot count cannot tell absence either
		return events.Report{Verdict: events.Absent, Counts: counts}
	}
	return events.Report{Verdict: events.Resolved, Identifiers: ids, Counts: counts}
}

// identifiers returns what the participant yields, each once.
func (a *act) identifiers() ([]events.Identifier, *events.Report) {
	if a.can.resolver == nil {
		return nil, nil
	}
	found, fail := call(a, "resolve", a.can.resolver.Resolve)
	if fail != nil {
		return nil, fail
	}
	return distinct(found), a.misyield(found)
}

// count returns what is left; nil counts from a participant that cannot count.
func (a *act) count() (events.Counts, *events.Report) {
	if a.can.counter == nil {
		return nil, nil
	}
	counts, fail := call(a, "count", a.can.counter.Count)
	if fail != nil {
		return nil, fail
	}
	return counts, a.miscount(counts)
}

// erase deletes the share and counts what is left of it.
func (a *act) erase() events.Report {
	res, fail := call(a, "erase", a.can.Erase)
	if fail == nil {
		fail = a.misjudged(res, events.Erased, events.Absent, events.Anonymised, events.Shredded)
	}
	if fail == nil {
		fail = a.misleft(res.Left)
	}
	if fail != nil {
		return a.deleted(*fail, res.Counts)
	}
	return a.selfCheck(events.Report{Verdict: res.Verdict, Counts: res.Counts, RowsOnly: res.RowsOnly, Left: res.Left})
}

// selfCheck counts again after an erase. A share that should be gone and cannot be shown
// to be is a failed attempt: what it did delete is kept, and another attempt proves it.
func (a *act) selfCheck(done events.Report) events.Report {
	if a.can.counter == nil {
		return done
	}
	counts, fail := a.count()
	if fail != nil {
		return a.deleted(*fail, done.Counts)
	}
	left := counts.Total()
	if done.Verdict == events.Absent && left > 0 {
		done = failed(events.Transient, codeRemaining)
	}
	done.Remaining = &left
	return done
}

// deleted adds to a failure what was deleted nevertheless.
func (a *act) deleted(fail events.Report, counts events.Counts) events.Report {
	if fail.Verdict == events.Failed && a.miscount(counts) == nil {
		fail.Counts = counts
	}
	return fail
}

// verify counts, and reports whatever the count is.
func (a *act) verify() events.Report {
	if a.can.counter == nil {
		return failed(events.Refused, codeNoAbility)
	}
	counts, fail := a.count()
	if fail != nil {
		return *fail
	}
	left := counts.Total()
	return events.Report{Verdict: events.Counted, Counts: counts, Remaining: &left}
}
