package saga

import "time"

// rewound deals with a clock that was set back: it was wrong before, and what was set by
// it must neither come too late nor too early.
func (r *run) rewound() {
	r.record(Entry{Kind: KRewound, Until: r.now.Add(r.plan.Permit + r.plan.Margin)})
	if limit := r.now.Add(r.plan.Quiet); r.s.QuietUntil.After(limit) {
		r.record(Entry{Kind: KQuieted, Until: limit})
	}
	if limit := r.now.Add(r.plan.Grace); r.s.GraceUntil.After(limit) {
		r.record(Entry{Kind: KPhase, Phase: Grace, Until: limit})
	}
	r.s.each(func(h *Share, v Verb, t *Step) {
		switch {
		case t.Status == Delayed && t.Until.After(r.now.Add(idle)):
			r.record(Entry{Kind: KDelayed, Participant: h.Name, Verb: v, Round: t.Round, Reason: t.Reason, Until: r.patience(t.Until)})
		case t.Status == Open && t.Rung.After(r.now):
			r.ring(KRung, h.Name, v)
		}
	})
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
