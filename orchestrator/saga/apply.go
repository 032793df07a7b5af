package saga

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrHistory means that a history is not one that Next could have written.
var ErrHistory = errors.New("saga: not a history")

// Fold returns the state that a whole history leads to.
func Fold(entries []Entry) (State, error) {
	var s State
	for _, e := range entries {
		if err := s.apply(e); err != nil {
			return State{}, err
		}
	}
	return s, nil
}

// apply folds one entry into the state, in place.
func (s *State) apply(e Entry) error {
	if e.Seq != s.Seq+1 || (e.Kind == KStarted) != (e.Seq == 1) {
		return fmt.Errorf("%w: entry %d of kind %s follows entry %d", ErrHistory, e.Seq, e.Kind, s.Seq)
	}
	if err := s.change(e); err != nil {
		return fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	s.Seq, s.At, s.Head = e.Seq, e.At, Chain(s.Head, e.Bytes())
	return nil
}

func (s *State) change(e Entry) error {
	switch e.Kind {
	case KStarted, KBegun, KJoined, KWithdrawn, KReplanned, KExtended:
		return s.changeRequests(e)
	case KPhase, KAnnounced, KDecided, KQuieted, KRecovered, KRewound, KFinished:
		return s.changeSaga(e)
	case KHalted, KResumed, KHeld, KReleased, KBraked, KUnbraked, KDoubted, KSettled:
		return s.changeWay(e)
	case KAmbiguous, KNamed, KBlocked, KBound:
		s.changeBinding(e)
		return nil
	case KResealed:
		s.reseal(e)
		return nil
	case KOpened, KRung, KGranted, KRenewed, KExpired, KPrepared, KReported, KFailed, KNoted, KDelayed, KParked, KWaits, KReopened, KRetried, KWaived:
		return s.changeStep(e)
	}
	return fmt.Errorf("%w: unknown kind %q", ErrHistory, e.Kind)
}

// changeSaga applies what moves the whole saga.
func (s *State) changeSaga(e Entry) error {
	switch e.Kind {
	case KPhase:
		s.enter(e)
	case KAnnounced:
		s.Announced = true
	case KDecided:
		s.decided(e)
	case KQuieted:
		s.QuietUntil, s.Quieted = e.Until, true
	case KRecovered:
		s.postponeDeaths(e.Until)
	case KRewound:
		s.rewind(e)
	case KFinished:
		s.Phase, s.Ended = e.Phase, e.At
	}
	return nil
}

// enter moves to another phase, and makes the steps of its verb new.
func (s *State) enter(e Entry) {
	s.Phase, s.QuietUntil, s.Brake = e.Phase, time.Time{}, ""
	if e.Phase != Verifying {
		s.Quieted = false
	}
	switch e.Phase {
	case Resolving:
		if e.Reason != lookAnew {
			s.Look++
		}
		s.Asked = false
		s.renew(Resolve, e, func(h *Share) bool { return h.Resolve.Status != "" && h.Verdict != Waived })
	case Grace:
		s.GraceUntil = e.Until
	case Erasing:
		if s.Pivoted.IsZero() {
			s.Pivoted = e.At
		}
		s.GraceUntil = time.Time{}
		s.drop(e)
	case Verifying:
		s.Pass++
		s.renew(Verify, e, func(*Share) bool { return true })
		for i := range s.Shares {
			s.Shares[i].Verified = time.Time{}
		}
	case Restoring:
		s.GraceUntil = time.Time{}
		s.drop(e)
		s.renew(Restore, e, s.restorable)
	case Suspending, Completed, CompletedWithExceptions, NotFound, Cancelled:
	}
}

// renew opens a new round of verb v for each share that f holds for.
func (s *State) renew(v Verb, e Entry, f func(h *Share) bool) {
	for i := range s.Shares {
		if h := &s.Shares[i]; f(h) {
			t := h.Step(v)
			*t = Step{Status: Waiting, Round: t.Round + 1, Attempts: t.Attempts, Since: e.At, Permits: t.Permits}
		}
	}
}

// drop gives up what was to be done before the pivot. A permit that is out stays out.
func (s *State) drop(e Entry) {
	s.each(func(_ *Share, v Verb, t *Step) {
		if (v == Resolve || v == Suspend) && t.Status != Reported && t.Status != Granted {
			t.set(Waiting, e)
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
		if e.Verb != Erase {
			break
		}
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
		if e.Verb == Erase {
			h.waive(e)
		}
	case KRenewed, KExpired, KPrepared, KReported, KFailed, KNoted:
		return s.changePermit(h, t, e)
	}
	return nil
}

// waive closes all that is left to do for a share. What was retained stays so: only that it is
// looked at once more is done without.
func (h *Share) waive(e Entry) {
	if h.Verdict != Retained {
		h.Verdict, h.Ground, h.By, h.Brake = Waived, e.Ground, e.By, ""
	}
	for _, v := range []Verb{Resolve, Suspend, Verify} {
		if t := h.Step(v); t.Status != "" {
			t.set(Reported, e)
		}
	}
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
	case KPrepared:
		q.Prepared = true
		if h.Undo == "" {
			h.Undo = e.Undo
		}
	case KExpired:
		q.Expired = true
		if q.Round == t.Round {
			t.MaybeDone = true
		}
	case KNoted:
		q.Reported = true
		s.noted(h, q, e)
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
		q.Reported, q.Done = true, true
		t.set(Reported, e)
		s.outcome(h, e)
	}
	return nil
}

// noted keeps what a report says of a share although it moves no step.
func (s *State) noted(h *Share, q *Permit, e Entry) {
	left := e.Remaining != nil && *e.Remaining > 0
	switch e.Verb {
	case Suspend:
		q.Done = e.Verdict == Suspended || e.Verdict == Absent
		if e.Verdict == Suspended {
			h.Suspended, h.Ended = e.At, h.Ended.sum(e.Counts)
		}
	case Erase:
		q.Left = q.Left || left // outvotes the zero of an older attempt
		if h.Erase.brokenOff(q.Round) {
			h.Counts = h.Counts.sum(e.Counts)
		}
	case Verify:
		if left {
			h.Left, h.Expected, q.Left = e.Remaining, h.Counts.plus(h.found(e)), true
		}
	case Resolve:
		s.Identifiers = append(s.Identifiers, e.Identifiers...)
	case Restore:
	}
}

// brokenOff reports whether an older round ended without a report that closed it, as a loss of the
// box ends one, and no round since was closed: what its attempts erased is in no count yet.
func (t *Step) brokenOff(round int) bool {
	closed := func(q Permit) bool { return q.Done && q.Round >= round }
	return round < t.Round && t.Status != Reported && !slices.ContainsFunc(t.Permits, closed)
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
		s.looked(h, e)
	case Suspend:
		if e.Verdict == Suspended {
			h.Suspended = e.At
		}
		h.Ended = h.Ended.sum(e.Counts)
	case Restore:
		h.Restored = e.At
	case Erase:
		h.Verdict, h.Counts, h.Inferred, h.RowsOnly = e.Verdict, e.Counts, e.Inferred, h.RowsOnly || e.RowsOnly
		if e.Remaining != nil {
			h.Left = e.Remaining
		}
		h.Ground, h.Until, h.Later = e.Ground, e.Until, e.Later
		h.Zero = e.Remaining != nil && *e.Remaining == 0
	case Verify:
		h.Verified = e.At
		if e.Later != nil { // many count only what is theirs to erase
			h.Later = e.Later
		}
	}
}

// looked stores what a look found. Known stays: who was there once is not unknown. What was
// counted before anything was erased, or lost, stays too.
func (s *State) looked(h *Share, e Entry) {
	s.Identifiers = append(s.Identifiers, e.Identifiers...)
	h.Known = h.Known || e.Verdict == Resolved || e.Counts.Total() > 0
	h.Left = e.Remaining
	if e.Counts != nil {
		n := e.Counts.Total()
		h.Left = &n
	}
	switch {
	case len(h.Erase.Permits) == 0 && len(s.missing()) == 0:
		h.Baseline, h.Expected = e.Counts, e.Counts
	case e.Counts != nil: // a look by less than before finds less
		h.Expected, _ = h.Expected.atLeast(h.Counts.plus(e.Counts))
		if len(h.Erase.Permits) == 0 {
			h.Baseline, _ = h.Baseline.atLeast(e.Counts)
		}
	}
}
