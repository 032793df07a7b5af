package saga

import (
	"hash/fnv"
	"slices"
	"time"
)

// tick does what time alone demands: dead permits expire, delays end, unclaimed doorbells
// ring again, the quiet time ends.
func (r *run) tick() {
	r.endHolds()
	r.s.each(func(h *Share, v Verb, t *Step) {
		r.expire(h, v, t)
		if r.givenUp(v) {
			return
		}
		if t.Status == Delayed && !r.now.Before(t.Until) {
			r.reopenDelayed(h, v, t)
		}
		if t.Status == Open && !r.now.Before(nextRing(r.plan, *t)) {
			r.ring(KRung, h.Name, v)
		}
	})
	if !r.s.QuietUntil.IsZero() && !r.now.Before(r.s.QuietUntil) {
		r.record(Entry{Kind: KPhase, Phase: Verifying})
	}
}

// reopenDelayed ends a delay. A share under a hold waits for that instead.
func (r *run) reopenDelayed(h *Share, v Verb, t *Step) {
	if v == Erase && r.s.Held(h.Name) != nil {
		r.record(Entry{Kind: KWaits, Participant: h.Name, Verb: v, Round: t.Round, Reason: "held"})
		return
	}
	r.open(h, v)
}

// open opens a step and rings its doorbell.
func (r *run) open(h *Share, v Verb) { r.ring(KOpened, h.Name, v) }

// expire buries the permits that nobody can act on any more. The newest one's end brings
// its step back, or parks it.
func (r *run) expire(h *Share, v Verb, t *Step) {
	for i := range t.Permits {
		q := t.Permits[i]
		if q.Reported || q.Expired || r.now.Before(q.Dead) {
			continue
		}
		newest := t.Status == Granted && t.newest() != nil && t.newest().ID == q.ID
		r.record(Entry{Kind: KExpired, Participant: h.Name, Verb: v, Round: q.Round, Permit: q.ID})
		if newest {
			r.again(h, v, t, "permit_expired", time.Time{})
		}
	}
}

// again schedules another attempt no earlier than notBefore, or parks the step when its
// attempts are used up.
func (r *run) again(h *Share, v Verb, t *Step, reason string, notBefore time.Time) {
	if t.Used >= r.plan.Attempts || r.givenUp(v) {
		r.giveUp(h, v, t, "attempts used up: "+reason)
		return
	}
	until := r.now.Add(r.backoff(h, v, t))
	if notBefore.After(until) {
		until = r.patience(notBefore)
	}
	r.record(Entry{Kind: KDelayed, Participant: h.Name, Verb: v, Round: t.Round, Reason: reason, Until: until})
}

// giveUp parks a step until an operator acts; one that is not to be done any more just rests.
func (r *run) giveUp(h *Share, v Verb, t *Step, reason string) {
	if r.givenUp(v) {
		r.record(Entry{Kind: KWaits, Participant: h.Name, Verb: v, Round: t.Round, Reason: "cancelled"})
		return
	}
	r.park(h, v, t, reason)
}

// patience shortens a wait that somebody else asks for: to a day, and not past due.
func (r *run) patience(until time.Time) time.Time {
	if longest := r.now.Add(idle); until.After(longest) {
		until = longest
	}
	if r.now.Before(r.s.Due) && until.After(r.s.Due) {
		until = r.s.Due
	}
	return until
}

// givenUp reports whether a verb's steps are not to be done any more.
func (r *run) givenUp(v Verb) bool { return r.s.Phase == Restoring && v != Restore }

func (r *run) park(h *Share, v Verb, t *Step, reason string) {
	r.record(Entry{Kind: KParked, Participant: h.Name, Verb: v, Round: t.Round, Reason: reason})
}

// backoff doubles from the plan's first to its longest delay, never waits longer than a
// quarter of what is left until due, and is spread by up to a quarter over sagas.
func (r *run) backoff(h *Share, v Verb, t *Step) time.Duration {
	d := r.plan.BackoffFirst
	for i := 1; i < t.Tries && d < r.plan.BackoffMax; i++ {
		d *= 2
	}
	d = min(d, r.plan.BackoffMax)
	if left := r.s.Due.Sub(r.now); left > 0 {
		d = max(min(d, left/4), r.plan.BackoffFirst)
	}
	f := fnv.New32a()
	_, _ = f.Write([]byte(string(r.s.ID) + h.Name + string(v) + string(rune(t.Attempts))))
	return d - time.Duration(int64(d)/4*int64(f.Sum32()%1000)/1000)
}

const longestRing = time.Hour

// nextRing returns when an open step's doorbell rings again if nobody claims.
func nextRing(p Plan, t Step) time.Time {
	d := p.Ring
	for i := 1; i < t.Rings && d < longestRing; i++ {
		d *= 2
	}
	return t.Rung.Add(min(d, max(longestRing, p.Ring)))
}

// brakeLook is how often a saga that is kept from its pivot asks again.
const brakeLook = time.Minute

// Unannounced reports whether the pivot waits for the bus to take its event.
func (s State) Unannounced() bool {
	return !s.Announced && (s.Phase == Erasing || s.Phase == Verifying)
}

// asks reports whether the saga may be waiting for the shell to let it pass its pivot.
func (s *State) asks(now time.Time) bool {
	if s.Phase != Resolving || s.Unbound || s.Halted != "" || s.Doubt != "" || s.Held("") != nil || s.NotBefore.After(now) || s.GraceUntil.After(now) {
		return false
	}
	return !slices.ContainsFunc(s.Shares, func(h Share) bool { return h.Brake != "" || h.Resolve.Status != "" && h.Resolve.Status != Reported })
}

// lateEnd returns when a saga that brings everything back has waited long enough.
func (s State) lateEnd(now time.Time) (t time.Time) {
	if t = s.lateUntil(); s.Phase != Restoring || !t.After(now) {
		return time.Time{}
	}
	return t
}

// begins returns when a saga may begin that must not begin yet.
func (s State) begins(now time.Time) (t time.Time) {
	if s.Phase == Resolving && s.NotBefore.After(now) {
		return s.NotBefore
	}
	return time.Time{}
}

// idle is the longest time that a running saga is left alone.
const idle = 24 * time.Hour

// Wake returns when Next must be called with Woke at the latest. A running saga always
// has such a time, at most 24 hours ahead of now; a final one has none.
func (s State) Wake(p Plan, now time.Time) (at time.Time, ok bool) {
	if s.Phase.Final() || s.ID == "" {
		return time.Time{}, false
	}
	at = now.Add(idle)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	if s.Queued && s.Phase != Restoring {
		for _, h := range s.Holds {
			sooner(h.Until)
		}
		return at, true
	}
	if s.GraceUntil.After(now) { // one that is over may still wait for an operator
		sooner(s.GraceUntil)
	}
	for _, t := range []time.Time{s.QuietUntil, s.lateEnd(now), s.begins(now)} {
		sooner(t)
	}
	for _, h := range s.Holds {
		sooner(h.Until)
	}
	asks := run{plan: p, s: s, now: now}
	if s.Unannounced() || s.asks(now) || asks.toBind() != "" {
		sooner(now.Add(brakeLook))
	}
	s.each(func(_ *Share, _ Verb, t *Step) {
		switch t.Status {
		case Delayed:
			sooner(t.Until)
		case Open:
			sooner(nextRing(p, *t))
		case Waiting, Granted, Parked, Reported:
		}
		for _, q := range t.Permits {
			if !q.Reported && !q.Expired {
				sooner(q.Dead)
			}
		}
	})
	return at, true
}
