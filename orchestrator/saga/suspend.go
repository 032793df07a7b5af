package saga

import "time"

// lateSuspend is how long a cancelled saga waits for what a permit to suspend may still
// do, when nobody reported what became of it.
const lateSuspend = 24 * time.Hour

// suspendable reports whether a share is to be suspended: not one that is not there.
func (r *run) suspendable(h *Share) bool {
	spec, _ := r.plan.Spec(h.Name)
	return h.Suspend.Status != "" && (h.Known || spec.Unverified != "")
}

// looked reports whether nothing of a share is left to be resolved.
func (r *run) looked(h *Share) bool { return h.Resolve.Status == Reported || h.Resolve.Status == "" }

// openSuspends opens each suspend step as soon as what it needs is known: a slow system
// elsewhere must not leave the account open.
func (r *run) openSuspends() {
	last := r.s.Phase == Resolving && r.s.Look > 1 // nothing is changed during the last look
	if last || !r.s.Pivoted.IsZero() || r.s.Doubt != "" || r.s.Halted != "" || len(r.unvouchedTypes()) > 0 {
		return
	}
	r.openReady(Suspend, func(h *Share) bool {
		return r.suspendable(h) && r.looked(h) && r.resolvable(h) && !h.Suspend.alive(r.now)
	})
}

// shut reports whether nothing of a share is left to be suspended, and nobody is at it.
func (r *run) shut(h *Share) bool {
	return r.looked(h) && (!r.suspendable(h) || h.Suspend.Status == Reported) && !h.Suspend.alive(r.now)
}

func (r *run) advanceSuspending() bool {
	if !r.s.Pivoted.IsZero() {
		r.look() // decided before the backup was restored: nothing is to be brought back any more
		return true
	}
	r.openReady(Resolve, r.resolvable) // of those who joined the plan meanwhile
	r.openSuspends()
	if r.s.Doubt != "" || !r.all(r.shut) {
		return false
	}
	if !r.all(func(h *Share) bool { return h.Suspended.IsZero() }) {
		r.emit(Emit{Kind: EventSuspended})
	}
	if r.plan.Grace > 0 {
		r.grace()
		return true
	}
	r.look()
	return true
}

// grace begins the time in which a cancel brings everything back. It ends by the deadline.
func (r *run) grace() {
	until := r.now.Add(r.plan.Grace)
	if until.After(r.s.Due) {
		until = r.s.Due
	}
	r.record(Entry{Kind: KPhase, Phase: Grace, Until: until})
}

func (r *run) advanceGrace() bool {
	if r.s.Pivoted.IsZero() {
		r.openReady(Resolve, r.resolvable) // who joins the plan now is suspended now
		r.openSuspends()
		if r.s.Doubt != "" || r.now.Before(r.s.GraceUntil) || !r.all(r.shut) {
			return false // a look before all is shut would miss what is still being written
		}
	}
	r.look()
	return true
}

// prepared takes the first half of a suspend: what a restore will need is sealed before
// anything is changed. The first value ever sealed is the one that counts.
func (r *run) prepared(in ReportReceived, t *Step, q *Permit) {
	switch {
	case !r.cancellable():
		r.receive(Rejected, "the saga is not to be suspended any more")
	case r.s.Halted != "" || r.s.Doubt != "":
		r.receive(Rejected, "an operator must act first")
	case t.Status != Granted || t.newest().ID != q.ID || !q.live(r.now):
		r.receive(Rejected, "the permit is over")
	case in.Undo == "":
		r.receive(Rejected, "undo: missing")
	case q.Prepared:
		r.emit(Receive{Outcome: Took, Undo: true})
	default:
		e := in.entry(KPrepared)
		e.Counts, e.Remaining, e.Undo = nil, nil, in.Undo
		r.record(e)
		r.emit(Receive{Outcome: Took, Undo: true})
	}
}

// suspended takes the second half.
func (r *run) suspended(in ReportReceived, h *Share, t *Step, q *Permit) {
	switch {
	case in.Verdict == Suspended && !q.Prepared:
		r.refuse(in, h, t, "not_prepared")
	case r.s.Phase == Restoring:
		r.suspendedLate(in, h)
	case !r.s.Phase.beforePivot():
		r.note(in, "the erasure has begun")
	case t.Status == Reported:
		r.note(in, "the step is closed")
	default:
		r.record(in.entry(KReported))
		r.receive(Took, "")
	}
}

// suspendedLate takes a suspend that was carried out after the cancel, by a permit that
// was given before it: it is restored, once more if need be.
func (r *run) suspendedLate(in ReportReceived, h *Share) {
	again := in.Verdict == Suspended && (h.Restore.Status == Reported || len(h.Restore.Permits) > 0)
	e := in.entry(KNoted)
	e.Reason = "carried out after the cancel"
	r.record(e)
	r.receive(Took, "")
	if h.Suspend.Status == Granted && h.Suspend.newest().ID == in.Permit {
		r.record(Entry{Kind: KWaits, Participant: h.Name, Verb: Suspend, Round: h.Suspend.Round, Reason: "cancelled"})
	}
	if again {
		r.record(Entry{Kind: KReopened, Participant: h.Name, Verb: Restore, Round: h.Restore.Round + 1, Reason: "suspended again"})
	}
}

// restored closes a restore step.
func (r *run) restored(in ReportReceived, t *Step) {
	if t.Status == Reported {
		r.note(in, "the step is closed")
		return
	}
	r.record(in.entry(KReported))
	r.receive(Took, "")
}

func (r *run) advanceRestoring() {
	for i := range r.s.Shares {
		if h := &r.s.Shares[i]; h.Restore.Status == Waiting && (h.Undo == "" || h.UndoLost) {
			r.park(h, Restore, &h.Restore, "what it needs was lost, or is not in the backup that the saga was restored from: bring the share back by hand, then waive the step")
		}
	}
	r.openReady(Restore, func(h *Share) bool { return !h.Suspend.alive(r.now) && !h.Restore.alive(r.now) })
	done := func(h *Share) bool {
		return (h.Restore.Status == "" || h.Restore.Status == Reported) && !h.Restore.alive(r.now) && !h.Suspend.alive(r.now)
	}
	if r.all(done) && !r.now.Before(r.s.lateUntil()) {
		r.finish(Cancelled)
	}
}

// lateUntil returns until when a prepared permit that nobody reported on may still have
// an effect.
func (s *State) lateUntil() (t time.Time) {
	for _, h := range s.Shares {
		for _, q := range h.Suspend.Permits {
			if end := q.Dead.Add(lateSuspend); q.Prepared && !q.Done && end.After(t) {
				t = end
			}
		}
	}
	return t
}
