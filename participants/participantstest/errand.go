package participantstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// errand is one step that a running worker is rung for. The functions say how its messages
// are answered, and are called under the lock of the wire: n counts from 1. Without them the
// first claim is granted, the same instance gets the same permit again, and what is reported
// is accepted.
type errand struct {
	w       *wire
	command events.Command
	task    participants.Task
	life    time.Duration

	onClaim  func(n int, c events.Claim) reply
	onRenew  func(n int, c events.Claim) reply
	onReport func(n int, r events.Report) reply

	// Under the lock of the wire.
	rung     []uint64    // where its doorbells are in the stream
	claims   []time.Time // when a claim came that was no renewal
	answered []time.Time // when an answer to any claim was sent
	renewals int
	reports  []reportOf
	closed   bool
}

// reportOf is a report as it came.
type reportOf struct {
	events.Report
	id string // ce-id
	at time.Time
}

// The times of a check of a running worker.
const (
	answerWait = 90 * time.Second       // for what a worker owes: a doorbell may be away for 30 s, twice
	quiet      = 500 * time.Millisecond // after which what a worker does unasked has been done
	fullLife   = time.Minute            // of a permit that is not to end
)

// newErrand is a step in a saga of its own, unless the task names one.
func (w *wire) newErrand(task participants.Task) *errand {
	if task.Saga == "" {
		task.Saga = "check-" + rand.Text()
	}
	if task.Round == 0 {
		task.Round = 1
	}
	if task.Attempt == 0 {
		task.Attempt = 1
	}
	e := &errand{w: w, task: task, life: fullLife, command: events.Command{
		Saga: task.Saga, Participant: w.participant, Verb: task.Verb, Round: task.Round, Issue: 1, Generation: 1,
		ClaimOn: events.SubjectClaim(w.participant, "0"), ReportOn: events.SubjectReport(w.participant, "0"),
	}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errands[step{task.Saga, task.Verb, task.Round}] = e
	return e
}

// close answers what still comes for the step as an orchestrator does for one that ended.
func (e *errand) close() {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	e.closed = true
}

// permit is that of the errand's attempt.
func (e *errand) permit(maybeDone bool) events.Permit {
	p := events.Permit{
		Permit: fmt.Sprintf("%s-%s-%d-%d", e.task.Saga, e.task.Verb, e.task.Round, e.task.Attempt),
		Saga:   e.task.Saga, Verb: e.task.Verb, Round: e.task.Round, Attempt: e.task.Attempt, Generation: 1,
		LifeMS: e.life.Milliseconds(), MaybeDone: maybeDone, Realm: e.task.Realm, Identifiers: e.task.Identifiers,
		Baseline: e.task.Baseline, Undo: e.task.Undo, Items: e.task.Items,
	}
	if !e.task.CutOff.IsZero() {
		p.CutOff = &e.task.CutOff
	}
	return p
}

func (e *errand) claimed(c events.Claim) reply {
	if e.closed {
		return reply{payload: events.Refusal{Reason: events.RefusedEnded}}
	}
	if c.Permit != "" {
		e.renewals++
		if e.onRenew != nil {
			return e.onRenew(e.renewals, c)
		}
		return reply{payload: e.permit(e.task.MaybeDone)}
	}
	e.claims = append(e.claims, time.Now())
	n := len(e.claims)
	switch {
	case e.onClaim != nil:
		return e.onClaim(n, c)
	case e.done():
		return reply{payload: events.Refusal{Reason: events.RefusedDone}}
	}
	return reply{payload: e.permit(e.task.MaybeDone || n > 1)}
}

// done reports whether the step was reported, other than as prepared.
func (e *errand) done() bool {
	return slices.ContainsFunc(e.reports, func(r reportOf) bool { return r.Verdict != events.Prepared })
}

func (e *errand) reported(id string, r events.Report) reply {
	e.reports = append(e.reports, reportOf{r, id, time.Now()})
	switch {
	case e.closed:
		return reply{payload: events.Receipt{Outcome: events.Recorded, Reason: "the step has ended"}}
	case e.onReport != nil:
		return e.onReport(len(e.reports), r)
	}
	receipt := events.Receipt{Outcome: events.Took}
	if r.Verdict == events.Prepared {
		receipt.Undo = r.Undo
		if e.task.Undo != "" {
			receipt.Undo = e.task.Undo
		}
	}
	return reply{payload: receipt}
}

// ring rings once more.
func (e *errand) ring(ctx context.Context) error {
	c := e.command
	e.command.Issue++
	m, err := e.w.encode(c)
	if err != nil {
		return err
	}
	return e.put(ctx, m)
}

func (e *errand) put(ctx context.Context, m events.Message) error {
	at, err := e.w.store(ctx, m)
	if err != nil {
		return err
	}
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	e.rung = append(e.rung, at)
	return nil
}

// acked reports whether every doorbell of the errand was acked. The caller holds the lock.
func (e *errand) acked() bool {
	for _, at := range e.rung {
		if !slices.ContainsFunc(e.w.answers[at], func(a ackOf) bool { return !a.nak }) {
			return false
		}
	}
	return true
}

// handedBack reports whether a doorbell was answered in any way. The caller holds the lock.
func (e *errand) handedBack() bool {
	return slices.ContainsFunc(e.rung, func(at uint64) bool { return len(e.w.answers[at]) > 0 })
}

func (e *errand) awaitAck(ctx context.Context) error {
	return e.w.await(ctx, "ack of a doorbell", e.w.patience, e.acked)
}

// awaitReport returns the n-th report that is not of what was prepared.
func (e *errand) awaitReport(ctx context.Context, n int) (reportOf, error) {
	var found reportOf
	err := e.w.await(ctx, "report", e.w.patience, func() bool {
		left := n
		for _, r := range e.reports {
			if r.Verdict != events.Prepared {
				left--
			}
			if left == 0 {
				found = r
				return true
			}
		}
		return false
	})
	return found, err
}

// run rings and returns the report, once the doorbell is acked too.
func (e *errand) run(ctx context.Context) (events.Report, error) {
	defer e.close()
	if err := e.ring(ctx); err != nil {
		return events.Report{}, err
	}
	r, err := e.awaitReport(ctx, 1)
	return r.Report, errors.Join(err, e.awaitAck(ctx))
}
