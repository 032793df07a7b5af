package saga

import (
	"errors"
	"slices"
	"time"
)

// Errors of Next. None changes anything.
var (
	ErrNotStarted = errors.New("saga: not started")
	ErrPlan       = errors.New("saga: the plan is not the one that the saga was started with")
	ErrCircle     = errors.New("saga: refuses to go through its phases without end")
	ErrUnproven   = errors.New("saga: refuses to end with a share that is neither proven gone nor excepted")
)

// Next is the transition function. s is not changed; the zero State means that the saga
// does not exist, and only [Requested] may come. now is the shell's wall clock in UTC. One
// that was set back by more than the plan's margin is believed, and what was set by the
// wrong one is set anew.
func Next(p Plan, s State, in Input, now time.Time) (State, []Effect, error) {
	r := run{plan: p, s: s.Clone(), now: now.UTC().Round(0)}
	if _, ok := in.(Requested); s.ID == "" && !ok {
		return s, nil, ErrNotStarted
	}
	if s.ID != "" && s.Plan != p.Digest() {
		return s, nil, ErrPlan
	}
	if s.ID != "" && !s.Phase.Final() {
		r.keepTime(in)
	}
	r.take(in)
	if _, answered := in.(Braked); r.asks && !answered {
		r.emit(AskPivot{})
	}
	if _, answered := in.(Taken); r.who != "" && !answered {
		r.emit(AskSubject{r.who})
	}
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
	cleared bool   // the shell lets the pivot pass
	asks    bool   // the pivot waits for the shell alone
	who     string // the user id that the shell is to bind the saga to
}

// keepTime deals with what time alone changes, before the input. A clock that went back by
// less than the margin stands still.
func (r *run) keepTime(in Input) {
	switch {
	case r.now.Before(r.s.At.Add(-r.plan.Margin)):
		r.rewound()
	case r.now.Before(r.s.At):
		r.now = r.s.At
	}
	if _, restart := in.(Recovered); restart {
		r.recovered() // before anything is taken for dead: clocks may have jumped
	}
	r.tick()
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
		r.halt(r.s.boxLost())
	case BoxFound:
		r.resume()
	case Resealed:
		r.resealed(in)
	case Begin, Replanned, Announced, Cleared, Braked, Bound, Taken, Doubted, Decided:
		r.takeShell(in)
	case HoldPlaced, HoldReleased, Retry, Waive, Resume, Extend, Unbrake, CancelAll, BindTo:
		r.takeOperator(in)
	case Woke, Recovered:
	}
	if !r.s.Phase.Final() {
		r.advance()
	}
}

// takeShell takes what the shell knows of the world around the saga.
func (r *run) takeShell(in Input) {
	switch in := in.(type) {
	case Begin:
		r.begin()
	case Replanned:
		r.replan(in.Plan)
	case Cleared:
		r.cleared = true
	case Braked:
		r.braked(in)
	case Announced:
		r.announced()
	case Bound:
		r.bound(in)
	case Taken:
		r.taken(in)
	case Doubted:
		r.doubt(in.Reason)
	case Decided:
		r.decided(in)
	}
}

// takeOperator takes what a person decided.
func (r *run) takeOperator(in Input) {
	switch in := in.(type) {
	case HoldPlaced:
		r.held(in)
	case HoldReleased:
		r.released(in)
	case Retry:
		r.retry(in)
	case Waive:
		r.waive(in)
	case Resume:
		r.settle(in)
	case Extend:
		r.extend(in)
	case Unbrake:
		r.unbrake(in)
	case CancelAll:
		r.cancelAll(in)
	case BindTo:
		r.bindTo(in)
	}
}

// record appends an entry and folds it at once, so that what follows sees it.
func (r *run) record(e Entry) {
	e.Seq, e.At = r.s.Seq+1, r.now
	if r.err == nil {
		r.err = r.s.apply(e)
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
