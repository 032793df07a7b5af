package saga

import (
	"slices"
	"time"
)

// reported answers a report. Late, repeated and reordered ones change nothing, but for a
// verify that found something left.
func (r *run) reported(in ReportReceived) {
	h := r.s.Share(in.Participant)
	if h == nil || h.Step(in.Verb) == nil {
		r.receive(Rejected, "no such step")
		return
	}
	if in.Verb == Verify {
		in.Remaining = r.worst(in)
	}
	t := h.Step(in.Verb)
	q := t.permit(in.Permit)
	switch {
	case q == nil || q.Round != in.Round:
		r.receive(Rejected, "it names no granted permit")
	case q.Reported && (!in.leftovers() || q.Left):
		r.receive(Noted, "this permit was reported before")
	case r.s.Phase.Final():
		r.receive(Noted, "the saga has ended")
	case q.Round < t.Round && !in.leftovers() && !r.outlivesRound(in):
		r.note(in, "an older round")
	case !in.Verb.may(in.Verdict):
		r.refuse(in, h, t, "verdict_misfit")
	case in.Verdict == Failed:
		r.failure(in, h, t)
	case in.Verdict == Prepared:
		r.prepared(in, t, q)
	case in.Verb == Suspend:
		r.suspended(in, h, t, q)
	case in.Verb == Restore:
		r.restored(in, t)
	case in.Verb == Verify:
		r.counted(in, h, t)
	case in.Verb == Resolve && t.newest().ID != q.ID:
		r.note(in, "a newer permit is out")
	case t.Status == Reported:
		r.note(in, "the step is closed")
	case in.Verb == Resolve:
		r.resolved(in, h, t)
	case in.Verb == Erase && t.outcounted(*q):
		r.note(in, "a newer attempt counted something that is left")
	case in.Verb == Erase:
		r.erased(in, h, t, *q)
	}
}

// outlivesRound reports whether what a report of an older round says counts all the same: to
// prepare ends no permit, and what was suspended after a cancel is brought back.
func (r *run) outlivesRound(in ReportReceived) bool {
	return in.Verb == Suspend && (in.Verdict == Prepared || r.s.Phase == Restoring)
}

// worst is how much a count says is left, by whatever name: who contradicts itself is
// believed the worse, and nothing may be left as made too late where nothing is.
func (r *run) worst(in ReportReceived) *int64 {
	n := in.Counts.Total()
	if in.Remaining != nil {
		n = max(n, *in.Remaining)
	}
	if r.leavesMore(in) {
		n = max(n, in.Later.Total())
	}
	if n == 0 {
		return in.Remaining
	}
	return &n
}

// outcounted reports whether a newer permit of the same round counted something that is
// left: an older attempt's zero was counted before.
func (t *Step) outcounted(q Permit) bool {
	return slices.ContainsFunc(t.Permits, func(p Permit) bool {
		return p.Round == q.Round && p.Attempt > q.Attempt && p.Left
	})
}

// may reports whether a report of verb v may carry verdict d.
func (v Verb) may(d Verdict) bool {
	if d == Failed {
		return true
	}
	switch v {
	case Resolve:
		return d == Resolved || d == Absent
	case Erase:
		return d == Erased || d == Absent || d == Anonymised || d == Shredded || d == Retained
	case Verify:
		return d == Counted
	case Suspend:
		return d == Prepared || d == Suspended || d == Absent
	case Restore:
		return d == Restored || d == Absent
	}
	return false
}

func (r *run) receive(o Outcome, why string) { r.emit(Receive{Outcome: o, Reason: why}) }

// leftovers reports whether this is a count that found something. It counts whatever its
// round: erasing once more than needed is a small price for never ending too early.
func (in ReportReceived) leftovers() bool {
	return in.Verb == Verify && in.Verdict == Counted && in.Remaining != nil && *in.Remaining > 0
}

// entry starts an entry about a report.
func (in ReportReceived) entry(k Kind) Entry {
	return Entry{Kind: k, Participant: in.Participant, Verb: in.Verb, Round: in.Round, Permit: in.Permit,
		Verdict: in.Verdict, Counts: in.Counts, Remaining: in.Remaining, Later: in.Later}
}

func (r *run) note(in ReportReceived, why string) {
	e := in.entry(KNoted)
	e.Reason = why
	if in.Verdict == Failed {
		e.Counts = r.s.Share(in.Participant).proven(in) // as in a round that is under way
	}
	e.Identifiers = r.namedLate(in)
	two := r.contradicts(e.Identifiers)
	r.record(e)
	r.contradicted(two)
	r.receive(Noted, why)
}

// failure counts only for the attempt under way.
func (r *run) failure(in ReportReceived, h *Share, t *Step) {
	if t.Status != Granted || t.newest().ID != in.Permit {
		r.note(in, "not the attempt under way")
		return
	}
	r.fail(in, h, t, in.Class, in.Code)
}

// fail records a failed attempt and decides what becomes of the step.
func (r *run) fail(in ReportReceived, h *Share, t *Step, class Class, code string) {
	switch class {
	case Transient, RateLimited, Misconfigured, Refused:
	default:
		class = Transient // of a worker that is newer than we are
	}
	e := in.entry(KFailed)
	e.Class, e.Reason = class, code
	// Whatever failed may have had its effect first: finding nothing next time proves nothing.
	e.Counts, e.MaybeDone = h.proven(in), in.Verb == Erase
	r.record(e)
	switch class {
	case Misconfigured, Refused:
		r.giveUp(h, in.Verb, t, string(class)+": "+code)
	case RateLimited:
		r.again(h, in.Verb, t, code, in.Until)
	case Transient:
		r.again(h, in.Verb, t, code, time.Time{})
	}
	r.receive(Took, "")
}

// proven returns what a failed attempt deleted, as far as the counts before and after it
// bear it out.
func (h *Share) proven(in ReportReceived) Counts {
	if in.Verb != Erase || in.Remaining == nil || in.Counts.Total() == 0 {
		return nil
	}
	if h.Left != nil && in.Counts.Total() > *h.Left-*in.Remaining {
		return nil
	}
	return in.Counts
}

// resolved closes a resolve step with the identifiers that the plan allows.
func (r *run) resolved(in ReportReceived, h *Share, t *Step) {
	spec, _ := r.plan.Spec(h.Name)
	for _, id := range in.Identifiers {
		if !slices.Contains(spec.Yields, id.Type) {
			r.refuse(in, h, t, "yields_more_than_planned")
			return
		}
	}
	e := in.entry(KReported)
	e.Identifiers = r.news(h.Name, in.Identifiers)
	two := r.contradicts(e.Identifiers)
	if spec.Verifies() && in.Verdict == Absent && in.Counts.Total() == 0 {
		e.Remaining = new(int64) // counted: there is nothing
	}
	r.record(e)
	r.contradicted(two)
	r.receive(Took, "")
	if h.Erase.Status == Reported && r.counts(h) && in.Counts.Total() > 0 {
		r.eraseAgain(h) // before what comes after it, which may be what it is erased by
	}
}

// contradicted raises a doubt about a type of which there are two values.
func (r *run) contradicted(typ string) {
	if typ != "" {
		r.doubt("there are two values of " + typ + ", of which a person has one: look whose they are")
	}
}

// contradicts returns a type of which a subject has one value and the saga now has two.
func (r *run) contradicts(more []Identifier) (typ string) {
	known := r.s.EverKnown()
	for i, id := range more {
		same := func(have Identifier) bool { return have.Type == id.Type && have.Hash != id.Hash }
		if r.single(id.Type) && (slices.ContainsFunc(known, same) || slices.ContainsFunc(more[:i], same)) {
			return id.Type
		}
	}
	return ""
}

// refuse parks a step whose worker does not keep to the plan.
func (r *run) refuse(in ReportReceived, h *Share, t *Step, code string) {
	if t.Status != Granted || t.newest().ID != in.Permit {
		r.note(in, code)
		return
	}
	r.fail(in, h, t, Misconfigured, code)
}

// news returns the identifiers that the saga does not know yet, each once.
func (r *run) news(from string, ids []Identifier) (out []Identifier) {
	for _, id := range ids {
		id.From = from
		known := func(have Identifier) bool {
			// What a request brought is confirmed by who says it again, and who named a user
			// vouches for what it was asked by.
			again := r.s.Unvouched && have.From != from && (have.From == "" || id.Type == UserID)
			return have.is(id) && !again
		}
		if !slices.ContainsFunc(r.s.Identifiers, known) && !slices.ContainsFunc(out, known) {
			out = append(out, id)
		}
	}
	return out
}

// erased closes an erase step, unless something was left.
func (r *run) erased(in ReportReceived, h *Share, t *Step, q Permit) {
	spec, _ := r.plan.Spec(h.Name)
	switch {
	case in.Verdict == Retained:
	case r.leavesMore(in):
		r.refuse(in, h, t, "left_without_cut_off")
		return
	case spec.Verifies() && in.Remaining == nil:
		r.refuse(in, h, t, "not_counted")
		return
	case in.Remaining != nil && *in.Remaining > 0:
		r.left(in, h, t)
		return
	}
	e := in.entry(KReported)
	e.RowsOnly, e.Ground, e.Until = in.RowsOnly, in.Ground, in.Until
	e.Verdict, e.Counts, e.Inferred = r.outcome(in, h, q)
	r.record(e)
	r.receive(Took, "")
}

// leavesMore reports whether something was left as made too late, although nothing is too
// late for this share.
func (r *run) leavesMore(in ReportReceived) bool {
	return in.Later.Total() > 0 && r.s.CutOffOf(in.Participant).IsZero()
}

// left treats a report of success with something left as what it is: a failed attempt.
func (r *run) left(in ReportReceived, h *Share, t *Step) {
	if t.Status != Granted || t.newest().ID != in.Permit {
		r.note(in, "something is left")
		return
	}
	r.fail(in, h, t, Transient, "remaining")
}

// outcome adds up what was erased over all attempts. After a permit that was never
// reported, what the baseline counted and nobody reported is inferred to be its work; not of a
// share that is found by less than before.
func (r *run) outcome(in ReportReceived, h *Share, q Permit) (Verdict, Counts, bool) {
	counts := h.Counts.plus(in.Counts)
	inferred := h.Inferred
	if q.MaybeDone && in.Verdict != Retained && r.sees(h) {
		var raised bool
		counts, raised = counts.atLeast(h.Expected)
		// Who never counted cannot say what an attempt that was lost had found.
		inferred = inferred || raised || h.Left == nil && in.Verdict == Absent
	}
	switch {
	case in.Verdict != Absent || counts.Total() == 0 && !inferred:
		return in.Verdict, counts, inferred
	case h.Before == Anonymised || h.Before == Shredded:
		return h.Before, counts, inferred
	}
	return Erased, counts, inferred
}

// counted takes a verify report. Anything left, under any permit, erases again; nothing
// left closes the step only under the newest one.
func (r *run) counted(in ReportReceived, h *Share, t *Step) {
	switch {
	case in.Remaining == nil:
		r.refuse(in, h, t, "not_counted")
	case in.leftovers():
		e := in.entry(KNoted)
		e.Reason = "something is left"
		r.record(e)
		r.receive(Took, "")
		r.reopen(h)
	case t.newest().ID != in.Permit:
		r.note(in, "a newer permit is out")
	case t.Status == Reported, t.Status == Parked && t.Reason == stillThere:
		r.note(in, "the step is closed")
	default:
		r.record(in.entry(KReported))
		r.receive(Took, "")
	}
}

// reopen sends a share back to erase, in a new round, or parks it after too many.
func (r *run) reopen(h *Share) {
	if h.Erase.Status != Reported || h.Verdict == Waived || h.Verdict == Retained {
		return
	}
	if h.Erase.Round >= r.plan.Rounds {
		r.park(h, Verify, &h.Verify, stillThere)
		return
	}
	r.eraseAgain(h)
}

const stillThere = "still there after the last round"

// eraseAgain opens a new round of erase.
func (r *run) eraseAgain(h *Share) {
	r.record(Entry{Kind: KReopened, Participant: h.Name, Verb: Erase, Round: h.Erase.Round + 1, Reason: "counted again"})
	if r.s.Phase == Verifying {
		r.record(Entry{Kind: KPhase, Phase: Erasing})
	}
}
