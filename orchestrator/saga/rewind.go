package saga

import "time"

// rewound deals with a clock that was set back: it was wrong before, and what was set by
// it must neither come too late nor too early.
func (r *run) rewound() {
	r.record(Entry{Kind: KRewound, Until: r.now.Add(r.plan.Permit + r.plan.Margin)})
	if limit := r.now.Add(r.plan.Quiet); r.s.QuietUntil.After(limit) {
		r.record(Entry{Kind: KQuieted, Until: limit})
	}
	r.graceAgain()
	r.s.each(func(h *Share, v Verb, t *Step) {
		switch {
		case t.Status == Delayed && t.Since.After(r.now): // it is as long as it was
			r.record(Entry{Kind: KDelayed, Participant: h.Name, Verb: v, Round: t.Round, Reason: t.Reason, Until: r.now.Add(t.Until.Sub(t.Since))})
		case t.Status == Open && t.Rung.After(r.now):
			r.ring(KRung, h.Name, v)
		}
	})
}

// graceAgain goes back to a grace that only the wrong clock had ended, and shortens one that
// it had made too long.
func (r *run) graceAgain() {
	until := r.s.GraceUntil
	if limit := r.now.Add(r.plan.Grace); until.After(limit) {
		until = limit
	}
	if until.After(r.now) && (r.s.Phase != Grace || until.Before(r.s.GraceUntil)) {
		r.record(Entry{Kind: KPhase, Phase: Grace, Until: until})
	}
}

// rewind takes back what a wrong clock said of the past.
func (s *State) rewind(e Entry) {
	if back := s.Started.Sub(e.At); back > 0 {
		s.Started, s.Due = e.At, s.Due.Add(-back)
	}
	s.each(func(_ *Share, _ Verb, t *Step) {
		for i := range t.Permits {
			if q := &t.Permits[i]; q.out() || q.Dead.After(e.Until) {
				q.Dead = e.Until
			}
		}
	})
}

func (s *State) postponeDeaths(until time.Time) {
	s.eachPermit(func(q *Permit) {
		if q.Dead.Before(until) {
			q.Dead = until
		}
	})
}

// eachPermit calls f for every permit whose end nobody has heard of.
func (s *State) eachPermit(f func(q *Permit)) {
	s.each(func(_ *Share, _ Verb, t *Step) {
		for i := range t.Permits {
			if q := &t.Permits[i]; q.out() {
				f(q)
			}
		}
	})
}
