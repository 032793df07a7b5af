package saga

// mostMoves is more than any saga needs at one input: from resolving to verifying by way of
// every phase and a second look it is six.
const mostMoves = 16

// advance opens every step whose turn has come, and moves to the next phase when nothing
// of the present one is left to do, until nothing more follows.
func (r *run) advance() {
	if r.s.Queued && r.s.Phase != Restoring || r.s.Phase == Resolving && r.now.Before(r.s.NotBefore) {
		return
	}
	moves := 0
	for moved := true; moved && r.err == nil && !r.s.Phase.Final(); moves++ {
		if moves > mostMoves {
			r.err = ErrCircle
			return
		}
		switch r.s.Phase {
		case Resolving:
			moved = r.advanceResolving()
		case Suspending:
			moved = r.advanceSuspending()
		case Grace:
			moved = r.advanceGrace()
		case Erasing:
			moved = r.advanceErasing()
		case Verifying:
			r.advanceVerifying()
			moved = false // a saga that goes back to erasing does so by a report
		case Restoring:
			r.advanceRestoring()
			moved = false
		case Completed, CompletedWithExceptions, NotFound, Cancelled:
			moved = false
		}
	}
}

// all reports whether f holds for every share.
func (r *run) all(f func(h *Share) bool) bool {
	for i := range r.s.Shares {
		if !f(&r.s.Shares[i]) {
			return false
		}
	}
	return true
}

// openReady opens each waiting step of verb v whose predecessors are ready.
func (r *run) openReady(v Verb, ready func(h *Share) bool) {
	for i := range r.s.Shares {
		h := &r.s.Shares[i]
		if h.Step(v).Status == Waiting && ready(h) {
			r.open(h, v)
		}
	}
}

func (r *run) advanceResolving() bool {
	if r.s.Unbound {
		return r.advanceUnbound()
	}
	r.openReady(Resolve, r.resolvable)
	r.openSuspends()
	if !r.all(r.looked) {
		return false
	}
	if types := r.unvouchedTypes(); len(types) > 0 && r.s.Doubt == "" {
		r.doubtUnvouched(types)
	}
	r.doubtLost()
	switch {
	case r.s.Doubt == "" && r.s.Pivoted.IsZero() && r.all(r.unknown) && r.all(r.sees):
		return r.nobody()
	case r.s.Look > 1 || !r.s.Pivoted.IsZero():
		return r.advancePivot()
	case r.s.Doubt != "":
		return false
	case r.plan.suspends():
		r.record(Entry{Kind: KPhase, Phase: Suspending})
		return true
	case r.plan.Grace > 0:
		r.grace()
		return true
	}
	return r.advancePivot()
}

// nobody ends a saga whose subject nobody ever knew, if that is still true: for a request that
// came since the last look, somebody may know by now.
func (r *run) nobody() (moved bool) {
	if r.s.Asked || r.aged() {
		r.record(Entry{Kind: KPhase, Phase: Resolving, Reason: lookAnew})
		return true
	}
	if r.s.Held("") != nil {
		return false // what is sealed is kept as long as that
	}
	r.finish(NotFound)
	return false
}

// resolvable reports whether everybody has resolved from whom a share learns identifiers, and
// nobody erases it: what is counted meanwhile would be counted twice.
func (r *run) resolvable(h *Share) bool {
	if h.Erase.alive(r.now) {
		return false
	}
	spec, _ := r.plan.Spec(h.Name)
	for _, by := range r.plan.resolvedBy(spec) {
		if r.s.Share(by).Resolve.Status != Reported {
			return false
		}
	}
	return true
}

// unknown reports whether a participant says that it never heard of the subject; who
// cannot count cannot say so.
func (r *run) unknown(h *Share) bool {
	spec, _ := r.plan.Spec(h.Name)
	return spec.Unverified == "" && h.Resolve.Status == Reported && !h.Known && h.Verdict != Waived
}

func (r *run) advanceErasing() bool {
	if !r.s.Announced {
		return false
	}
	r.brakeShares()
	// A permit of an earlier round may still be acted on: two at a time would be one too many.
	r.openReady(Erase, func(h *Share) bool { return r.eraseReady(h) && !h.Erase.alive(r.now) })
	if !r.all(func(h *Share) bool { return h.Erase.Status == Reported || h.Erase.Status == "" }) {
		return false
	}
	r.record(Entry{Kind: KPhase, Phase: Verifying})
	return true
}

// eraseReady reports whether a share may be erased: nothing keeps it, and all that it
// comes after is gone.
func (r *run) eraseReady(h *Share) bool {
	if !r.s.Announced || r.s.Held(h.Name) != nil || r.overCeiling(h) {
		return false
	}
	spec, _ := r.plan.Spec(h.Name)
	for _, a := range spec.After {
		if !r.gone(r.s.Share(a)) {
			return false
		}
	}
	return true
}

// gone reports whether an edge that leaves this share is met.
func (r *run) gone(h *Share) bool {
	if h.Erase.Status != Reported {
		return false
	}
	spec, _ := r.plan.Spec(h.Name)
	switch h.Verdict {
	case Retained, Waived:
		return true
	case Erased, Absent, Anonymised, Shredded:
		return h.Zero || !spec.Verifies()
	case Resolved, Counted, Failed, Prepared, Suspended, Restored:
		return false
	}
	return false
}

// counts reports whether a share is to be counted at the end: not one that is kept.
func (r *run) counts(h *Share) bool {
	spec, _ := r.plan.Spec(h.Name)
	return spec.Verifies() && h.Verdict != Retained && h.Verdict != Waived
}

func (r *run) advanceVerifying() {
	r.openReady(Verify, r.counts)
	done := func(h *Share) bool { return !r.counts(h) || h.Verify.Status == Reported }
	// An erase that somebody may still carry out could hit what is made after the end.
	quiet := func(h *Share) bool { return !h.Verify.alive(r.now) && !h.Erase.alive(r.now) }
	if r.s.QuietUntil.IsZero() && r.all(done) && r.all(quiet) {
		r.conclude()
	}
}

// conclude ends the saga, or waits for the quiet time and counts once more.
func (r *run) conclude() {
	if r.plan.Quiet > 0 && !r.s.Quieted {
		r.record(Entry{Kind: KQuieted, Until: r.now.Add(r.plan.Quiet)})
		return
	}
	if r.s.Held("") != nil {
		return // with the end the data key is destroyed, and what was sealed with it
	}
	end, err := r.verdict()
	if err != nil {
		r.err = err
		return
	}
	r.finish(end)
}

// verdict is the final phase of a saga whose shares are all settled. It compares the
// shares with the plan as sets, and knows no counter that could be wrong.
func (r *run) verdict() (Phase, error) {
	if len(r.s.Shares) != len(r.plan.Participants) || len(r.plan.Erases()) == 0 {
		return "", ErrUnproven
	}
	end := Completed
	for _, spec := range r.plan.Participants {
		h := r.s.Share(spec.Name)
		switch {
		case spec.Bystander && h != nil && h.Erase.Status == "":
			// outside the scope: nothing of it was to be erased
		case h == nil || !r.gone(h):
			return "", ErrUnproven
		case h.Verdict == Retained || h.Verdict == Waived || !spec.Verifies():
			end = CompletedWithExceptions
		case h.Verified.IsZero():
			return "", ErrUnproven
		case len(r.s.Blind(r.plan, spec)) > 0 || r.s.Forgot && r.plan.Learns(spec):
			end = CompletedWithExceptions
		}
	}
	return end, nil
}

// finish ends the saga.
func (r *run) finish(p Phase) {
	head := r.s.Head
	r.record(Entry{Kind: KFinished, Phase: p})
	r.emit(Emit{Kind: EventFinished})
	r.emit(Finish{Head: head})
}
