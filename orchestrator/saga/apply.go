package saga

import (
	"errors"
	"fmt"
	"time"
)

// ErrHistory means that a history is not one that Next could have written.
var ErrHistory = errors.New("saga: not a history")

// Fold returns the state that a whole history leads to.
func Fold(p Plan, entries []Entry) (State, error) {
	var s State
	for _, e := range entries {
		if err := s.apply(p, e); err != nil {
			return State{}, err
		}
	}
	return s, nil
}

// apply folds one entry into the state, in place.
func (s *State) apply(p Plan, e Entry) error {
	if e.Seq != s.Seq+1 || (e.Kind == KStarted) != (e.Seq == 1) {
		return fmt.Errorf("%w: entry %d of kind %s follows entry %d", ErrHistory, e.Seq, e.Kind, s.Seq)
	}
	if err := s.change(p, e); err != nil {
		return fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	s.Seq, s.At, s.Head = e.Seq, e.At, Chain(s.Head, e.Bytes())
	return nil
}

func (s *State) change(p Plan, e Entry) error {
	switch e.Kind {
	case KStarted, KJoined, KWithdrawn, KPhase, KQuieted, KHalted, KResumed, KRecovered, KFinished:
		return s.changeSaga(p, e)
	case KOpened, KRung, KGranted, KRenewed, KExpired, KReported, KFailed, KNoted, KDelayed, KParked, KWaits, KReopened, KRetried, KWaived:
		return s.changeStep(e)
	}
	return fmt.Errorf("%w: unknown kind %q", ErrHistory, e.Kind)
}

func (s *State) changeSaga(p Plan, e Entry) error {
	switch e.Kind {
	case KStarted:
		return s.start(p, e)
	case KJoined:
		if e.Request == nil {
			return fmt.Errorf("%w: joined without a request", ErrHistory)
		}
		s.Requests = append(s.Requests, *e.Request)
		s.Due = e.Due
	case KWithdrawn:
		for i := range s.Requests {
			if e.Request != nil && s.Requests[i].ID == e.Request.ID {
				s.Requests[i].Withdrawn = true
			}
		}
	case KPhase:
		s.enter(e)
	case KQuieted:
		s.QuietUntil, s.Quieted = e.Until, true
	case KHalted:
		s.Halted = e.Reason
	case KResumed:
		s.Halted = ""
	case KRecovered:
		s.postponeDeaths(e.Until)
	case KFinished:
		s.Phase, s.Ended = e.Phase, e.At
	}
	return nil
}

func (s *State) start(p Plan, e Entry) error {
	if e.Request == nil {
		return fmt.Errorf("%w: started without a request", ErrHistory)
	}
	*s = State{ID: e.Saga, Plan: e.Plan, Phase: Resolving, Subject: e.Subject, Regime: e.Regime,
		Requests: []Request{*e.Request}, Started: e.At, Due: e.Due, Identifiers: e.Identifiers}
	for _, spec := range p.Participants {
		h := Share{Name: spec.Name, Erase: Step{Status: Waiting, Round: 1, Since: e.At}}
		if spec.Resolves() {
			h.Resolve = Step{Status: Waiting, Round: 1, Since: e.At}
		}
		s.Shares = append(s.Shares, h)
	}
	return nil
}

// enter moves to another phase. Entering verifying, every share that is to be counted is
// counted anew.
func (s *State) enter(e Entry) {
	if e.Phase == Erasing && s.Pivoted.IsZero() {
		s.Pivoted = e.At
	}
	s.Phase, s.QuietUntil = e.Phase, time.Time{}
	if e.Phase != Verifying {
		s.Quieted = false
		return
	}
	s.Pass++
	for i := range s.Shares {
		h := &s.Shares[i]
		h.Verified = time.Time{}
		h.Verify = Step{Status: Waiting, Round: h.Verify.Round + 1, Attempts: h.Verify.Attempts, Since: e.At, Permits: h.Verify.Permits}
	}
}

func (s *State) postponeDeaths(until time.Time) {
	s.each(func(_ *Share, _ Verb, t *Step) {
		for i := range t.Permits {
			if q := &t.Permits[i]; !q.Reported && !q.Expired && q.Dead.Before(until) {
				q.Dead = until
			}
		}
	})
}

func (s *State) changeStep(e Entry) error {
	h := s.Share(e.Participant)
	if h == nil {
		return fmt.Errorf("%w: no participant %q", ErrHistory, e.Participant)
	}
	t := h.Step(e.Verb)
	if t == nil {
		return fmt.Errorf("%w: no verb %q", ErrHistory, e.Verb)
	}
	switch e.Kind {
	case KOpened, KRung, KDelayed, KParked, KWaits, KRetried:
		s.turn(t, e)
	case KReopened:
		s.turn(t, e)
		if h.Verdict != Absent {
			h.Before = h.Verdict
		}
		h.Verdict, h.Zero = "", false // Counts stay: they add up over rounds
	case KGranted:
		t.set(Granted, e)
		t.Used++
		t.Tries++
		t.Attempts++
		t.Permits = append(t.Permits, Permit{ID: e.Permit, Round: e.Round, Attempt: e.Attempt,
			Instance: e.Instance, Granted: e.At, Dead: e.Until, MaybeDone: e.MaybeDone})
	case KWaived:
		t.set(Reported, e)
		h.Verdict, h.Ground, h.By = Waived, e.Ground, e.By
		if h.Verify.Status != "" {
			h.Verify.set(Reported, e)
		}
	case KRenewed, KExpired, KReported, KFailed, KNoted:
		return s.changePermit(h, t, e)
	}
	return nil
}

// turn applies the entries that move a step without touching a permit.
func (s *State) turn(t *Step, e Entry) {
	switch e.Kind {
	case KOpened:
		t.set(Open, e)
		t.Rung, t.Rings = e.At, 1
		s.Issues++
	case KRung:
		t.Rung, t.Rings = e.At, t.Rings+1
		s.Issues++
	case KDelayed:
		t.set(Delayed, e)
		t.Reason, t.Until = e.Reason, e.Until
	case KParked:
		t.set(Parked, e)
		t.Reason = e.Reason
	case KWaits:
		t.set(Waiting, e)
	case KRetried:
		t.set(Waiting, e)
		t.Used, t.Tries = 0, 0
	case KReopened:
		t.set(Waiting, e)
		t.Round, t.Used, t.Tries, t.MaybeDone = e.Round, 0, 0, false
	}
}

// set enters a status and forgets what belonged to the one before.
func (t *Step) set(st Status, e Entry) {
	t.Status, t.Since, t.Reason, t.Until = st, e.At, "", time.Time{}
}

func (s *State) changePermit(h *Share, t *Step, e Entry) error {
	q := t.permit(e.Permit)
	if q == nil {
		return fmt.Errorf("%w: no permit %q", ErrHistory, e.Permit)
	}
	switch e.Kind {
	case KRenewed:
		q.Dead, q.MaybeDone = e.Until, e.MaybeDone
	case KExpired:
		q.Expired = true
		if q.Round == t.Round {
			t.MaybeDone = true
		}
	case KNoted:
		q.Reported = true
		if e.Verb == Verify && e.Remaining != nil && *e.Remaining > 0 {
			h.Left, h.Expected, q.Left = e.Remaining, h.Counts.plus(h.found(e)), true
		}
	case KFailed:
		q.Reported = true
		h.Counts = h.Counts.sum(e.Counts)
		t.MaybeDone = t.MaybeDone || e.MaybeDone
		if e.Remaining != nil {
			h.Left, q.Left = e.Remaining, *e.Remaining > 0
		}
		if e.Class == RateLimited {
			t.Used--
		}
	case KReported:
		q.Reported = true
		t.set(Reported, e)
		s.outcome(h, e)
	}
	return nil
}

// sum is plus, but keeps nil for "nothing known".
func (c Counts) sum(d Counts) Counts {
	if c == nil && d == nil {
		return nil
	}
	return c.plus(d)
}

// found is what a count found, by kind: as it says, or all of the only kind there is.
func (h *Share) found(e Entry) Counts {
	if e.Counts.Total() == *e.Remaining || len(h.Baseline) != 1 {
		return e.Counts
	}
	for kind := range h.Baseline {
		return Counts{kind: *e.Remaining}
	}
	return nil
}

// outcome stores what a closing report says of the share.
func (s *State) outcome(h *Share, e Entry) {
	switch e.Verb {
	case Resolve:
		h.Baseline, h.Known = e.Counts, e.Verdict == Resolved || e.Counts.Total() > 0
		h.Left = e.Remaining
		if e.Counts != nil {
			n := e.Counts.Total()
			h.Left, h.Expected = &n, e.Counts
		}
		s.Identifiers = append(s.Identifiers, e.Identifiers...)
	case Erase:
		h.Verdict, h.Counts, h.Inferred, h.RowsOnly = e.Verdict, e.Counts, e.Inferred, h.RowsOnly || e.RowsOnly
		if e.Remaining != nil {
			h.Left = e.Remaining
		}
		h.Ground, h.Until = e.Ground, e.Until
		h.Zero = e.Remaining != nil && *e.Remaining == 0
	case Verify:
		h.Verified = e.At
	case Suspend, Restore:
	}
}
