package orchestrator

import (
	"context"
	"errors"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Operate does what an operator decided. It returns after the commit: an
// [events.Operated], or an [events.Problem] that says why nothing was done.
func (o *Orchestrator) Operate(ctx context.Context, op events.Operation) (events.Payload, error) {
	switch op.Verb {
	case events.OpExplain:
		return o.explain(ctx, op)
	case events.OpHolds:
		return o.listHolds(ctx)
	case events.OpConfirmClock:
		return o.confirmClock(ctx, op)
	case events.OpConfirmRestore:
		return o.confirmRestore(ctx, op)
	case events.OpHold:
		return o.placeHold(ctx, op)
	case events.OpRelease:
		return o.releaseHold(ctx, op)
	case events.OpReleaseBrake:
		if op.Saga == "" {
			return o.releaseBrake(ctx, op)
		}
		return o.operateOn(ctx, op)
	case events.OpRetry, events.OpWaive, events.OpCancel, events.OpResume, events.OpExtend, events.OpBind:
		return o.operateOn(ctx, op)
	}
	return *problem(events.CodeUnsupported, "verb", "this version does not know it"), nil
}

// onOperate is the door for operators. What they ask may take several commits, so that it
// is not done where the calls come in.
func (o *Orchestrator) onOperate(ctx context.Context, c bus.Call) {
	_, op, err := events.Decode[events.Operation](c.Header, c.Data)
	if err != nil {
		o.undecodable(c, "operate", "", err)
		return
	}
	select {
	case o.readers <- struct{}{}:
		go func() {
			defer func() { <-o.readers }()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
			defer cancel()
			p, err := o.Operate(ctx, op)
			if err != nil && !errors.Is(err, errBusy) {
				o.logger.WarnContext(ctx, "operation not done, or not known to be", "verb", string(op.Verb), "error", err)
			}
			if err == nil || errors.Is(err, errBusy) || onlyLooks(op.Verb) {
				o.reply(c, payloadOr(p, err))
			} // else it may have been recorded, and there is no true answer
		}()
	default:
		o.reply(c, busy())
	}
}

// onlyLooks reports whether a verb changes nothing.
func onlyLooks(v events.OperationVerb) bool { return v == events.OpExplain || v == events.OpHolds }

const damagedRecord = "its record is damaged: it stands still until it is mended from a backup"

// unreadable is the answer about a saga that cannot be loaded, or nil.
func unreadable(err error) *events.Problem {
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return problem(events.CodeUnknown, "saga", "there is no such saga")
	case errors.Is(err, storage.ErrDamaged):
		return problem(events.CodeInvalid, "saga", damagedRecord)
	}
	return nil
}

// bypassed is the answer about a saga that is held back since the store was put back: what
// the store knows of it is out of date, so that no decision can be made by it.
func bypassed(v events.OperationVerb, d Decision) events.Problem {
	if v == events.OpCancel && d != DecidedCancel {
		return *problem(events.CodeTooLate, "saga", "the erasure has passed the point of no return")
	}
	return *problem(events.CodeInvalid, "saga", restoredSince(d))
}

// operateOn passes a decision about one saga to the core.
func (o *Orchestrator) operateOn(ctx context.Context, op events.Operation) (events.Payload, error) {
	return o.ask(ctx, job{operate: func(b *batch) (events.Payload, error) {
		l, err := b.load(saga.ID(op.Saga))
		if bad := unreadable(err); bad != nil {
			return *bad, nil
		}
		if err != nil {
			return nil, err
		}
		if d, held := o.bars.holds(l.state.ID); held {
			return bypassed(op.Verb, d), nil
		}
		inputs, bad := b.inputsOf(op, l.state)
		if bad != nil {
			return *bad, nil
		}
		from, had := len(b.out.Outbox), len(l.state.Identifiers)
		b.heard = said(op)
		for _, in := range inputs {
			effects, err := b.step(l, in)
			if err != nil {
				return nil, err
			}
			if bad := refusal(effects); bad != nil {
				return *bad, nil
			}
		}
		if added := since(l.state, had); len(added) > 0 {
			if err := b.sealNew(l, added, b.heard); err != nil {
				return nil, err
			}
		}
		replicated := true
		if op.Verb == events.OpCancel {
			b.waitFor(from)
			replicated = b.allOut()
		}
		b.tell = append(b.tell, func() {
			o.logger.WarnContext(ctx, "an operator decided", "verb", string(op.Verb), "saga", op.Saga, "by", op.By, "ground", op.Ground)
		})
		return events.Operated{Saga: op.Saga, State: events.State(l.state.Phase), Explain: o.describe(l.plan, l.state, b.now),
			Alive: alive(l.state.Alive(b.now)), Replicated: replicated}, nil
	}})
}

// inputsOf turns a decision into inputs of the core.
func (b *batch) inputsOf(op events.Operation, s saga.State) ([]saga.Input, *events.Problem) {
	switch op.Verb {
	case events.OpRetry:
		return retries(op, s)
	case events.OpWaive:
		return []saga.Input{saga.Waive{Participant: op.Participant, Verb: saga.Verb(op.Step), By: op.By, Ground: op.Ground}}, nil
	case events.OpCancel:
		return cancels(op, s)
	case events.OpResume:
		return []saga.Input{saga.Resume{By: op.By, Ground: op.Ground}}, nil
	case events.OpExtend:
		return []saga.Input{saga.Extend{Until: value(op.Until), By: op.By, Ground: op.Ground}}, nil
	case events.OpBind:
		return []saga.Input{saga.BindTo{User: b.hashOf(s, saga.UserID, op.UserID.Reveal()), By: op.By, Ground: op.Ground}}, nil
	case events.OpReleaseBrake:
		if op.Participant == "" {
			return nil, problem(events.CodeInvalid, "participant", "is missing, and needed to release the brake of a saga")
		}
		return []saga.Input{saga.Unbrake{Participant: op.Participant, By: op.By, Ground: op.Ground}}, nil
	case events.OpHold, events.OpRelease, events.OpConfirmClock, events.OpConfirmRestore, events.OpExplain, events.OpHolds:
	}
	return nil, problem(events.CodeUnsupported, "verb", "it is not about one saga")
}

// retries are the parked steps that a decision names: one, or all.
func retries(op events.Operation, s saga.State) (ins []saga.Input, bad *events.Problem) {
	for i := range s.Shares {
		h := &s.Shares[i]
		if op.Participant != "" && h.Name != op.Participant {
			continue
		}
		for _, v := range saga.Verbs {
			if h.Step(v).Status == saga.Parked && (op.Step == "" || saga.Verb(op.Step) == v) {
				ins = append(ins, saga.Retry{Participant: h.Name, Verb: v, By: op.By, Ground: op.Ground})
			}
		}
	}
	if len(ins) == 0 {
		return nil, problem(events.CodeInvalid, "saga", "no such step of it is parked")
	}
	return ins, nil
}

// cancels withdraws one request, or all that still stand.
func cancels(op events.Operation, s saga.State) ([]saga.Input, *events.Problem) {
	if op.Request == "" {
		return []saga.Input{saga.CancelAll{By: op.By, Ground: op.Ground}}, nil
	}
	for _, q := range s.Requests {
		if op.Request == q.ID {
			return []saga.Input{saga.CancelRequested{Request: q.ID, Source: q.Source, By: op.By, Ground: op.Ground}}, nil
		}
	}
	return nil, problem(events.CodeUnknown, "request", "no such request of this saga stands")
}

// refusal returns why the core did not do what was decided, or nil.
func refusal(effects []saga.Effect) *events.Problem {
	for _, e := range effects {
		switch e := e.(type) {
		case saga.OperatorAnswer:
			if e.Problem != "" {
				return problem(events.CodeInvalid, "", e.Problem)
			}
		case saga.CancelAnswer:
			switch e.Result {
			case saga.CancelTooLate:
				return problem(events.CodeTooLate, "saga", "the erasure has passed the point of no return")
			case saga.CancelUnknown:
				return problem(events.CodeUnknown, "request", "no such request of this saga")
			case saga.CancelDone, saga.CancelWithdrawn:
			}
		default:
		}
	}
	return nil
}

// releaseBrake lets sagas pass their pivot again that a ceiling kept from it: those of one
// source, or of all.
func (o *Orchestrator) releaseBrake(ctx context.Context, op events.Operation) (events.Payload, error) {
	of := or(op.Source, overall)
	p, err := o.ask(ctx, job{operate: func(b *batch) (events.Payload, error) {
		if !b.releaseBrake(of) {
			return *problem(events.CodeInvalid, "source", "the brake of "+brakeName(of)+" is not on"), nil
		}
		b.tell = append(b.tell, func() {
			o.logger.WarnContext(ctx, "brake released", "brake", brakeName(of), "by", op.By, "ground", op.Ground)
		})
		return events.Operated{Replicated: true, Explain: "the brake of " + brakeName(of) + " is off: what waited for it goes on, and the count begins anew"}, nil
	}})
	if err == nil {
		o.wakeBraked(ctx)
	}
	return p, err
}

// wakeBraked lets those sagas ask again that are kept from their pivot.
func (o *Orchestrator) wakeBraked(ctx context.Context) {
	for _, id := range o.live.braked() {
		if !o.tryWake(ctx, id) {
			return
		}
	}
}

// braked returns the sagas that are kept from their pivot.
func (c *census) braked() (ids []saga.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range c.live {
		if s.braked {
			ids = append(ids, id)
		}
	}
	return ids
}
