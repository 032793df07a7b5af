package saga

// halt keeps everybody from acting, until resume.
func (r *run) halt(reason string) {
	if r.s.Halted == "" && !r.s.Phase.Final() {
		r.record(Entry{Kind: KHalted, Reason: reason})
	}
}

func (r *run) resume() {
	if r.s.Halted != "" && !r.s.Phase.Final() {
		r.record(Entry{Kind: KResumed})
	}
}

// retry lets a parked step try again, with all its attempts.
func (r *run) retry(in Retry) {
	h := r.s.Share(in.Participant)
	if problem := operable(in.By, in.Ground, h); problem != "" {
		r.emit(OperatorAnswer{problem})
		return
	}
	t := h.Step(in.Verb)
	if t == nil || t.Status != Parked || r.s.Phase.Final() {
		r.emit(OperatorAnswer{"the step is not parked"})
		return
	}
	stuckCounting := in.Verb == Verify && t.Reason == stillThere
	r.record(Entry{Kind: KRetried, Participant: h.Name, Verb: in.Verb, Round: t.Round, By: in.By, Ground: in.Ground})
	if stuckCounting {
		r.eraseAgain(h) // a parked count waits for another erase, not for another count
	}
	r.emit(OperatorAnswer{})
}

// waive closes a share without erasing it, which makes the end an exception.
func (r *run) waive(in Waive) {
	h := r.s.Share(in.Participant)
	if problem := operable(in.By, in.Ground, h); problem != "" {
		r.emit(OperatorAnswer{problem})
		return
	}
	switch {
	case r.s.Phase.Final():
		r.emit(OperatorAnswer{"the saga has ended"})
	case r.s.Phase.beforePivot():
		r.emit(OperatorAnswer{"nothing is erased yet: cancel instead"})
	case r.settled(h):
		r.emit(OperatorAnswer{"the share is settled"})
	default:
		r.record(Entry{Kind: KWaived, Participant: h.Name, Verb: Erase, Round: h.Erase.Round, By: in.By, Ground: in.Ground})
		r.emit(OperatorAnswer{})
	}
}

// settled reports whether nothing of a share waits for anybody.
func (r *run) settled(h *Share) bool {
	return h.Erase.Status == Reported && (!r.counts(h) || h.Verify.Status == Reported)
}

func operable(by, ground string, h *Share) (problem string) {
	switch {
	case h == nil:
		return "no such participant"
	case by == "":
		return "by: a name is missing"
	case ground == "":
		return "ground: missing"
	}
	return ""
}
