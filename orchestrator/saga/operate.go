package saga

import (
	"slices"
	"strings"
	"time"
)

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

// waive closes a share without erasing it, which makes the end an exception; or a step to
// suspend or restore, which an operator did by hand or does without.
func (r *run) waive(in Waive) {
	h := r.s.Share(in.Participant)
	if in.Verb == "" {
		in.Verb = Erase
	}
	problem := operable(in.By, in.Ground, h)
	if problem == "" {
		problem = r.waivable(in.Verb, h)
	}
	if problem == "" {
		r.record(Entry{Kind: KWaived, Participant: h.Name, Verb: in.Verb, Round: h.Step(in.Verb).Round, By: in.By, Ground: in.Ground})
	}
	r.emit(OperatorAnswer{problem})
}

func (r *run) waivable(v Verb, h *Share) (problem string) {
	switch {
	case r.s.Phase.Final():
		return "the saga has ended"
	case v == Suspend || v == Restore:
		if st := h.Step(v).Status; st == "" || st == Reported || r.givenUp(v) || v == Suspend && !r.cancellable() {
			return "the step is not to be done"
		}
		return ""
	case v != Erase:
		return "verb: erase, suspend and restore can be waived"
	case r.s.Phase == Restoring:
		return "the saga is cancelled: nothing of it is erased"
	case h.Erase.Status == "" && (r.s.Pivoted.IsZero() || r.looked(h)): // before the pivot there is cancel
		return "the share is outside the saga's scope"
	case r.settled(h):
		return "the share is settled"
	case h.Resolve.Status != "" && (h.Resolve.Status != Reported || r.s.Unbound) && len(r.dependents(h.Name)) > 0:
		return "others learn from it whom to erase: " + strings.Join(r.dependents(h.Name), ", ")
	}
	return ""
}

// dependents returns who needs what a participant yields.
func (r *run) dependents(name string) (out []string) {
	for _, s := range r.plan.Participants {
		h := r.s.Share(s.Name)
		if h == nil || s.Name == name || h.Verdict == Waived || h.Verdict == Retained && r.looked(h) {
			continue // nothing is to be learnt for it any more
		}
		if slices.Contains(r.plan.resolvedBy(s), name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// settled reports whether nothing of a share waits for anybody, not even a look after its values
// were lost.
func (r *run) settled(h *Share) bool {
	return r.looked(h) && h.Erase.Status == Reported && (!r.counts(h) || h.Verify.Status == Reported)
}

func operable(by, ground string, h *Share) (problem string) {
	if h == nil {
		return "no such participant"
	}
	return signed(by, ground)
}

// signed returns what is missing of who decided, and why.
func signed(by, ground string) (problem string) {
	switch {
	case by == "":
		return "by: a name is missing"
	case ground == "":
		return "ground: missing"
	}
	return ""
}

// doubt keeps the saga from its pivot until an operator has looked at it, and at what was
// doubtful before: who resumes settles all of it, and must have read all of it.
func (r *run) doubt(reason string, about ...Identifier) {
	if strings.Contains(r.s.Doubt, reason) || !r.s.Phase.beforePivot() {
		return
	}
	if r.s.Doubt != "" {
		reason = r.s.Doubt + "; " + reason
	}
	r.record(Entry{Kind: KDoubted, Reason: reason, Identifiers: about})
}

// settle lets a saga go on as it is.
func (r *run) settle(in Resume) {
	problem := signed(in.By, in.Ground)
	switch {
	case problem != "":
	case r.s.Doubt == "" && r.s.Ambiguous != "":
		problem = "nobody can tell whom it is about: bind it"
	case r.s.Doubt == "" || r.s.Phase.Final():
		problem = "there is nothing to resume"
	}
	if problem == "" {
		r.record(Entry{Kind: KSettled, By: in.By, Ground: in.Ground})
	}
	r.emit(OperatorAnswer{problem})
}

// longestExtension is what GDPR Art. 12(3) allows, once: two further months.
const longestExtension = 62 * 24 * time.Hour

// extend moves the deadline.
func (r *run) extend(in Extend) {
	problem := signed(in.By, in.Ground)
	switch {
	case problem != "":
	case r.s.Phase.Final():
		problem = "the saga has ended"
	case r.s.Extended:
		problem = "the deadline was extended before, and that is allowed once"
	case !in.Until.After(r.s.Due):
		problem = "until: not after the deadline"
	case in.Until.After(r.s.Due.Add(longestExtension)):
		problem = "until: more than two further months"
	default:
		r.record(Entry{Kind: KExtended, Due: in.Until.UTC().Round(0), By: in.By, Ground: in.Ground})
		r.emit(Emit{Kind: EventExtended, Reason: in.Ground})
	}
	r.emit(OperatorAnswer{problem})
}

// unbrake lets a share be erased that passes its ceiling.
func (r *run) unbrake(in Unbrake) {
	h := r.s.Share(in.Participant)
	problem := operable(in.By, in.Ground, h)
	if problem == "" && (h.Brake == "" || r.s.Phase.Final()) {
		problem = "no brake is on"
	}
	if problem == "" {
		r.record(Entry{Kind: KUnbraked, Participant: h.Name, By: in.By, Ground: in.Ground})
	}
	r.emit(OperatorAnswer{problem})
}
