package saga

import "slices"

// requested starts the saga, or lets the request join it.
func (r *run) requested(in Requested) {
	if r.s.ID == "" {
		two := r.contradicts(in.Identifiers)
		r.record(Entry{Kind: KStarted, Saga: in.Saga, Plan: r.plan.Digest(), Members: r.plan.members(), Subject: in.Subject,
			Regime: in.Regime, Due: in.Due, Request: &in.Request, Identifiers: in.Identifiers,
			Items: in.Items, CutOff: in.CutOff, NotBefore: in.NotBefore, Queued: in.Queued, Unbound: in.Unbound})
		r.emit(Admit{Request: in.Request.ID})
		r.emit(Emit{Kind: EventAccepted})
		r.contradicted(two)
		return
	}
	if q := r.same(in.Request); q != nil {
		r.emit(Admit{Request: q.ID, Joined: true})
		return
	}
	if !r.joinable(in) {
		r.emit(Postpone{})
		return
	}
	r.join(in)
}

// joinable reports whether the saga does all that is asked for, and still can. A queued
// one has not begun: it can be made to do more.
func (r *run) joinable(in Requested) bool {
	switch {
	case r.s.Phase.Final() || !r.cancellable():
		return false
	case r.s.Queued:
		return r.mergeable(in)
	}
	return r.plan.covers(in.Plan) && r.coversItems(in) && r.knows(in)
}

// coversItems reports whether the saga erases every item that is asked for. One that is
// narrow has a cut-off, and a later request wants more.
func (r *run) coversItems(in Requested) bool {
	if !r.s.CutOff.IsZero() {
		return false
	}
	return !slices.ContainsFunc(in.Plan.Erases(), func(name string) bool {
		have, want := itemsOf(r.s.Items, name), itemsOf(in.Items, name)
		missing := func(i Item) bool { return !slices.ContainsFunc(have, i.is) }
		return len(have) > 0 && (len(want) == 0 || slices.ContainsFunc(want, missing))
	})
}

// knows reports whether the saga has every identifier that a request brings: what was not
// sealed with it would be erased nowhere.
func (r *run) knows(in Requested) bool { return len(r.s.unknownOf(in.Identifiers)) == 0 }

// unknownOf returns the identifiers that the saga does not have.
func (s *State) unknownOf(ids []Identifier) (out []Identifier) {
	for _, id := range ids {
		if !s.knows(id) {
			out = append(out, id)
		}
	}
	return out
}

func (r *run) join(in Requested) {
	e := Entry{Kind: KJoined, Request: &in.Request, Due: r.s.Due, NotBefore: r.s.NotBefore, Items: r.s.Items, CutOff: r.s.CutOff,
		Mixed: r.s.Mixed || !r.asksTheSame(in), Asked: !r.s.Queued}
	if in.Due.Before(e.Due) {
		e.Due = in.Due
	}
	if in.NotBefore.Before(e.NotBefore) || r.standing() == 0 { // nobody else is in haste any more
		e.NotBefore = in.NotBefore
	}
	two := ""
	if r.s.Queued {
		e.Items, e.CutOff = r.merged(in)
		e.Identifiers = r.s.unknownOf(in.Identifiers)
		r.replan(r.plan.Union(in.Plan))
		two = r.contradicts(e.Identifiers)
	}
	r.record(e)
	r.emit(Admit{Request: in.Request.ID, Joined: true})
	r.emit(Emit{Kind: EventAccepted, Only: &in.Request})
	r.contradicted(two)
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

// begin lets a queued saga start: the one that was in its way has ended.
func (r *run) begin() {
	if r.s.Queued && !r.s.Phase.Final() {
		r.record(Entry{Kind: KBegun})
	}
}

// replan goes on under a plan that asks for more. After the pivot the plan is frozen.
func (r *run) replan(p Plan) {
	if r.s.Phase.Final() || !r.s.Phase.beforePivot() || p.Digest() == r.s.Plan {
		return
	}
	if err := p.Validate(); err != nil {
		r.doubt("the plan that is configured now does not fit the one that the saga has: " + err.Error())
		return
	}
	if name := r.leaves(p); name != "" {
		r.doubt("the plan that is configured now leaves out " + name + ", which the saga is to erase")
		return
	}
	r.record(Entry{Kind: KReplanned, Plan: p.Digest(), Members: p.members()})
	r.plan = p
	r.emit(Bind{p})
}

// leaves returns a participant that a plan does not have or would not erase any more.
func (r *run) leaves(p Plan) (name string) {
	for _, h := range r.s.Shares {
		if spec, ok := p.Spec(h.Name); !ok || spec.Bystander && h.Erase.Status != "" {
			return h.Name
		}
	}
	return ""
}
