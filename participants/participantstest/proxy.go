package participantstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// proxy is a running worker as the participant that it serves, so that what holds one to its
// contract holds the other: each call is a doorbell, a permit and a report.
type proxy struct {
	w     *wire
	hello events.Hello
}

func (p *proxy) can(verbs ...events.Verb) bool {
	for _, v := range verbs {
		if !slices.Contains(p.hello.Abilities, v) {
			return false
		}
	}
	return true
}

func (p *proxy) do(ctx context.Context, t participants.Task, verb events.Verb) (events.Report, error) {
	t.Verb, t.Saga = verb, "" // two calls at once are two sagas
	return p.run(ctx, p.w.newErrand(t))
}

// run returns what the worker says did not work as the error that it stands for.
func (p *proxy) run(ctx context.Context, e *errand) (events.Report, error) {
	r, err := e.run(ctx)
	if err != nil {
		return r, err
	}
	return r, errorOf(r)
}

// failure is a report of what did not work, for whoever reads the scorecard.
type failure struct{ events.Report }

func (f *failure) Error() string { return fmt.Sprintf("failed, %s, %s", f.Class, f.Code) }

func errorOf(r events.Report) error {
	switch {
	case r.Verdict == events.Retained:
		return &participants.Retained{Ground: r.Ground, Until: r.Until}
	case r.Verdict != events.Failed:
		return nil
	case r.Class == events.Misconfigured:
		return &participants.Misconfigured{Code: r.Code}
	case r.Class == events.Refused:
		return &participants.Refuse{Code: r.Code}
	}
	return &failure{r}
}

func resultOf(r events.Report) participants.Result {
	return participants.Result{Verdict: r.Verdict, Counts: r.Counts, RowsOnly: r.RowsOnly, Left: r.Left}
}

// Erase implements [participants.Participant]. An erase that says that it left something is
// one that has to be tried again.
func (p *proxy) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	r, err := p.do(ctx, t, events.Erase)
	if err == nil && r.Remaining != nil && *r.Remaining > 0 {
		err = fmt.Errorf("verdict %q with %d items remaining", r.Verdict, *r.Remaining)
	}
	return resultOf(r), err
}

// Count implements [participants.Counter].
func (p *proxy) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	verb := events.Verify
	if !p.can(verb) {
		verb = events.Resolve
	}
	r, err := p.do(ctx, t, verb)
	if err == nil && verb == events.Verify && (r.Verdict != events.Counted || r.Counts != nil && *r.Remaining != r.Counts.Total()) {
		err = fmt.Errorf("verify: verdict %q, and the counts are not what remains", r.Verdict)
	}
	if err == nil && r.Counts == nil && r.Remaining != nil {
		return events.Counts{"items": *r.Remaining}, nil
	}
	return r.Counts, err
}

// Yields implements [participants.Resolver].
func (p *proxy) Yields() []events.IdentifierType { return p.hello.Yields }

// Resolve implements [participants.Resolver].
func (p *proxy) Resolve(ctx context.Context, t participants.Task) ([]events.Identifier, error) {
	r, err := p.do(ctx, t, events.Resolve)
	return r.Identifiers, err
}

// Prepare implements [participants.Suspender]: what was prepared is refused, so that the
// worker must leave it at that.
func (p *proxy) Prepare(ctx context.Context, t participants.Task) (participants.Undo, error) {
	t.Verb, t.Saga = events.Suspend, ""
	e := p.w.newErrand(t)
	var undo participants.Undo
	e.onReport = func(_ int, r events.Report) reply {
		if r.Verdict == events.Prepared {
			undo = r.Undo
			return reply{payload: events.Receipt{Outcome: events.Rejected, Reason: "withdrawn"}}
		}
		return reply{payload: events.Receipt{Outcome: events.Took}}
	}
	r, err := e.run(ctx)
	switch {
	case err != nil:
		return "", err
	case r.Verdict == events.Absent:
		return "nothing", nil
	case r.Verdict != events.Failed:
		return "", fmt.Errorf("verdict %q, although what it prepared was refused", r.Verdict)
	case undo == "":
		return "", errorOf(r)
	}
	return undo, nil
}

// Suspend implements [participants.Suspender].
func (p *proxy) Suspend(ctx context.Context, t participants.Task, u participants.Undo) (participants.Result, error) {
	t.Undo = u
	r, err := p.do(ctx, t, events.Suspend)
	return resultOf(r), err
}

// Restore implements [participants.Suspender].
func (p *proxy) Restore(ctx context.Context, t participants.Task, u participants.Undo) (participants.Result, error) {
	t.Undo = u
	r, err := p.do(ctx, t, events.Restore)
	return resultOf(r), err
}

// ErrNobody says that no worker has come to be checked.
var ErrNobody = errors.New("no worker has said hello")

// awaitHello returns what the worker says of itself.
func (w *wire) awaitHello(ctx context.Context, within time.Duration) (events.Hello, error) {
	if err := w.await(ctx, "hello", within, func() bool { return w.hello != nil }); err != nil {
		return events.Hello{}, fmt.Errorf("%w: %w", ErrNobody, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return *w.hello, nil
}
