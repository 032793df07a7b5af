package saga

import (
	"errors"
	"slices"
	"time"
)

// Errors of Next. Neither changes anything.
var (
	ErrNotStarted = errors.New("saga: not started")
	ErrPlan       = errors.New("saga: the plan is not the one that the saga was started with")
	ErrUnproven   = errors.New("saga: refuses to end with a share that is neither proven gone nor excepted")
)

// Next is the transition function. s is not changed; the zero State means that the saga
// does not exist, and only [Requested] may come. now is the shell's wall clock in UTC and
// must not run backwards within a saga; an earlier time is treated as the latest one seen.
func Next(p Plan, s State, in Input, now time.Time) (State, []Effect, error) {
	r := run{plan: p, s: s.Clone(), now: now.UTC().Round(0)}
	if r.now.Before(s.At) {
		r.now = s.At
	}
	if _, ok := in.(Requested); s.ID == "" && !ok {
		return s, nil, ErrNotStarted
	}
	if s.ID != "" && s.Plan != p.Digest() {
		return s, nil, ErrPlan
	}
	if _, restart := in.(Recovered); restart {
		r.recovered() // before anything is taken for dead: clocks may have jumped
	}
	if !s.Phase.Final() && s.ID != "" {
		r.tick()
	}
	r.take(in)
	r.tellStuck(s.Stuck())
	if r.err != nil {
		return s, nil, r.err
	}
	return r.s, r.effects, nil
}

// run is one call of Next.
type run struct {
	plan    Plan
	s       State
	now     time.Time
	effects []Effect
	err     error
}

func (r *run) take(in Input) {
	switch in := in.(type) {
	case Requested:
		r.requested(in)
	case CancelRequested:
		r.cancel(in)
	case Claimed:
		r.claimed(in)
	case ReportReceived:
		r.reported(in)
	case BoxLost:
		r.halt("its sealed identifiers cannot be read: restore the keys file, or the key-encryption key")
	case BoxFound:
		r.resume()
	case Retry:
		r.retry(in)
	case Waive:
		r.waive(in)
	case Woke, Recovered:
	}
	if !r.s.Phase.Final() {
		r.advance()
	}
}

// record appends an entry and folds it at once, so that what follows sees it.
func (r *run) record(e Entry) {
	e.Seq, e.At = r.s.Seq+1, r.now
	if r.err == nil {
		r.err = r.s.apply(r.plan, e)
	}
	r.effects = append(r.effects, Record{e})
}

func (r *run) emit(e Effect) { r.effects = append(r.effects, e) }

// tellStuck announces that an operator must act, or that nobody must any more.
func (r *run) tellStuck(before string) {
	after := r.s.Stuck()
	switch {
	case before == "" && after != "":
		r.emit(Emit{Kind: EventParked, Reason: after})
	case before != "" && after == "" && !r.s.Phase.Final():
		r.emit(Emit{Kind: EventResumed})
	}
}

// requested starts the saga, or lets the request join it.
func (r *run) requested(in Requested) {
	if r.s.ID == "" {
		r.record(Entry{Kind: KStarted, Saga: in.Saga, Plan: r.plan.Digest(), Subject: in.Subject, Regime: in.Regime,
			Due: in.Due, Request: &in.Request, Identifiers: in.Identifiers})
		r.emit(Admit{Request: in.Request.ID})
		r.emit(Emit{Kind: EventAccepted})
		return
	}
	if q := r.same(in.Request); q != nil {
		r.emit(Admit{Request: q.ID, Joined: true})
		return
	}
	if !r.s.Phase.beforePivot() {
		r.emit(Postpone{})
		return
	}
	due := r.s.Due
	if in.Due.Before(due) {
		due = in.Due
	}
	r.record(Entry{Kind: KJoined, Request: &in.Request, Due: due})
	r.emit(Admit{Request: in.Request.ID, Joined: true})
	r.emit(Emit{Kind: EventAccepted, Only: &in.Request})
}

// same returns the request that asked exactly this before, if it still stands.
func (r *run) same(q Request) *Request {
	for i := range r.s.Requests {
		if have := &r.s.Requests[i]; have.Fingerprint == q.Fingerprint && have.Source == q.Source && !have.Withdrawn {
			return have
		}
	}
	return nil
}

// cancel withdraws a request; the saga is cancelled with its last one.
func (r *run) cancel(in CancelRequested) {
	standing, found := 0, -1
	for i, q := range r.s.Requests {
		if q.ID == in.Request && q.Source == in.Source {
			found = i
		}
		if !q.Withdrawn {
			standing++
		}
	}
	switch {
	case found < 0:
		r.emit(CancelAnswer{CancelUnknown})
	case r.s.Requests[found].Withdrawn && r.s.Phase == Cancelled:
		r.emit(CancelAnswer{CancelDone})
	case r.s.Requests[found].Withdrawn:
		r.emit(CancelAnswer{CancelWithdrawn})
	case !r.s.Phase.beforePivot():
		r.emit(CancelAnswer{CancelTooLate})
	default:
		q := r.s.Requests[found]
		r.record(Entry{Kind: KWithdrawn, Request: &q})
		if standing > 1 {
			r.emit(CancelAnswer{CancelWithdrawn})
			return
		}
		r.emit(CancelAnswer{CancelDone})
		r.emit(Emit{Kind: EventCancelled})
		r.finish(Cancelled)
	}
}

// recovered counts every live permit anew, and rings for those steps again: a worker that
// was restarted with the orchestrator finds its permit that way.
func (r *run) recovered() {
	if r.s.Phase.Final() {
		return
	}
	out := false
	r.s.each(func(_ *Share, _ Verb, t *Step) { out = out || slices.ContainsFunc(t.Permits, Permit.out) })
	if !out {
		return
	}
	r.record(Entry{Kind: KRecovered, Until: r.now.Add(r.plan.Permit + r.plan.Margin)})
	r.s.each(func(h *Share, v Verb, t *Step) {
		if t.Status == Granted {
			r.ring(KRung, h.Name, v)
		}
	})
}

// ring records that the doorbell of a step rings, and rings it.
func (r *run) ring(k Kind, participant string, v Verb) {
	round := r.s.Share(participant).Step(v).Round
	r.record(Entry{Kind: k, Participant: participant, Verb: v, Round: round})
	r.emit(Ring{Participant: participant, Verb: v, Round: round, Issue: r.s.Issues})
}
