package saga

import (
	"slices"
	"time"
)

// claimed answers a claim. A grant is history before it is an answer.
func (r *run) claimed(in Claimed) {
	h := r.s.Share(in.Participant)
	if h == nil || h.Step(in.Verb) == nil || h.Step(in.Verb).Status == "" || in.Round > h.Step(in.Verb).Round {
		r.deny(DenyUnknown, time.Time{})
		return
	}
	t := h.Step(in.Verb)
	if r.s.Phase.Final() {
		r.deny(DenyEnded, time.Time{})
		return
	}
	if r.s.Phase == Restoring && in.Verb != Restore {
		r.deny(DenyEnded, time.Time{})
		return
	}
	if r.s.Halted != "" || r.s.Doubt != "" && in.Verb == Suspend {
		r.deny(DenyParked, time.Time{})
		return
	}
	if in.Round < t.Round {
		r.deny(DenyStale, time.Time{})
		return
	}
	if in.Permit != "" {
		r.renew(in, h, t)
		return
	}
	switch t.Status {
	case Waiting:
		r.denyWaiting(in, h)
	case Reported:
		r.deny(DenyDone, time.Time{})
	case Parked:
		r.deny(DenyParked, time.Time{})
	case Delayed:
		r.deny(DenyDelayed, t.Until)
	case Granted:
		r.sameAgain(in, h, t)
	case Open:
		if in.Verb == Erase && !r.eraseReady(h) {
			r.record(Entry{Kind: KWaits, Participant: h.Name, Verb: in.Verb, Round: t.Round, Reason: "what it comes after is back"})
			r.denyWaiting(in, h)
			return
		}
		r.grant(in, h, t)
	}
}

func (r *run) deny(why Denial, until time.Time) { r.emit(Deny{Reason: why, Until: until}) }

// denyWaiting says whether a step waits for others or for a hold.
func (r *run) denyWaiting(in Claimed, h *Share) {
	if hold := r.s.Held(h.Name); in.Verb == Erase && hold != nil {
		r.deny(DenyHeld, hold.Until)
		return
	}
	r.deny(DenyNotOpened, time.Time{})
}

func (r *run) grant(in Claimed, h *Share, t *Step) {
	r.record(Entry{Kind: KGranted, Participant: h.Name, Verb: in.Verb, Round: t.Round, Permit: in.Fresh,
		Attempt: t.Attempts + 1, Instance: in.Instance, Until: r.dead(), MaybeDone: t.MaybeDone})
	r.permit(in.Verb, h, t.newest())
}

// dead is when a permit granted now can no longer be acted on.
func (r *run) dead() time.Time { return r.now.Add(r.plan.Permit + r.plan.Margin) }

// permit answers with the newest permit of a step.
func (r *run) permit(v Verb, h *Share, q *Permit) {
	if q == nil {
		return
	}
	spec, _ := r.plan.Spec(h.Name)
	needs := union(union([]string{UserID}, spec.Needs), spec.Yields)
	if r.s.Unbound {
		needs = slices.DeleteFunc(needs, func(typ string) bool { return typ == UserID })
	}
	r.emit(Grant{Permit: q.ID, Round: q.Round, Attempt: q.Attempt, Life: r.plan.Permit,
		MaybeDone: q.MaybeDone, Needs: needs, Baseline: h.Baseline.clone(),
		Undo: h.Undo != "" && (v == Restore || v == Suspend)})
}

// sameAgain answers a claim on a granted step: the same instance gets its permit again,
// since it may have lost the answer, or have been restarted after it acted.
func (r *run) sameAgain(in Claimed, h *Share, t *Step) {
	q := t.newest()
	hold := r.s.Held(h.Name)
	switch {
	case q == nil || q.Instance != in.Instance:
		r.deny(DenyBusy, q.deadOr(r.now))
		return
	case in.Verb == Erase && hold != nil:
		r.deny(DenyHeld, hold.Until)
		return
	}
	r.record(Entry{Kind: KRenewed, Participant: h.Name, Verb: in.Verb, Round: t.Round, Permit: q.ID, Until: r.dead(), MaybeDone: true})
	r.permit(in.Verb, h, t.newest())
}

func (p *Permit) deadOr(t time.Time) time.Time {
	if p == nil {
		return t
	}
	return p.Dead
}

// renew prolongs the newest permit while it is alive.
func (r *run) renew(in Claimed, h *Share, t *Step) {
	q := t.newest()
	if t.Status != Granted || q == nil || q.ID != in.Permit || q.Instance != in.Instance || !q.live(r.now) {
		r.deny(DenyStale, time.Time{})
		return
	}
	if hold := r.s.Held(h.Name); in.Verb == Erase && hold != nil {
		r.deny(DenyHeld, hold.Until)
		return
	}
	r.record(Entry{Kind: KRenewed, Participant: h.Name, Verb: in.Verb, Round: t.Round, Permit: q.ID, Until: r.dead(), MaybeDone: q.MaybeDone})
	r.permit(in.Verb, h, t.newest())
}
