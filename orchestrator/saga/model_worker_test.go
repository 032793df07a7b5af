package saga

import "strings"

// asleep begins the undo value of who is suspended already.
const asleep = "as a predecessor left it "

// act does a step's work on the real system, and returns what is true of it.
func (w *world) act(k *worker) (rep ReportReceived, ok bool) {
	name, y := k.claim.Participant, w.systems[k.claim.Participant]
	spec, _ := w.plan.Spec(name)
	rep = ReportReceived{Participant: name, Verb: k.claim.Verb, Round: k.grant.Round, Permit: k.grant.Permit}
	k.acted, w.acts[k.grant.Permit] = true, w.steps
	if w.chaos && w.one(6) {
		rep.Verdict, rep.Class, rep.Code = Failed, []Class{Transient, RateLimited, Misconfigured}[w.draw(3)], "down"
		return rep, true
	}
	switch k.claim.Verb {
	case Resolve:
		w.resolve(&rep, k, spec, y)
	case Suspend:
		return rep, w.suspend(&rep, k, y)
	case Restore:
		rep.Verdict, y.suspended = Restored, strings.HasPrefix(w.undo[name], asleep) // to what it was told
	case Erase:
		w.erase(&rep, k, spec, y)
	case Verify:
		rep.Verdict, rep.Remaining = Counted, left(spec, k.task, y)
	}
	return rep, true
}

// left counts what a task is about, if the participant can.
func left(spec Spec, t task, y *system) *int64 {
	if spec.Unverified != "" {
		return nil
	}
	n := t.count(y)
	return &n
}

func (w *world) resolve(rep *ReportReceived, k *worker, spec Spec, y *system) {
	rep.Verdict = Absent
	n := k.task.count(y)
	if n == 0 {
		return
	}
	rep.Verdict = Resolved
	if spec.Unverified == "" {
		rep.Counts = Counts{"items": n}
	}
	if spec.names() {
		w.name(rep, k, y)
		return
	}
	if len(spec.Yields) > 0 {
		rep.Identifiers = []Identifier{{Type: spec.Yields[0], Hash: w.value()}}
	}
}

// value is what the person is called by; now and then another system knows another.
func (w *world) value() string {
	if w.chaos && w.one(8) {
		return "y"
	}
	return "x"
}

// suspend is two exchanges: nothing is changed before the undo value is taken.
func (w *world) suspend(rep *ReportReceived, k *worker, y *system) bool {
	if !k.prepared {
		undo := *rep
		undo.Verdict, undo.Undo = Prepared, "as it was"
		if y.suspended {
			undo.Undo = asleep + string(k.grant.Permit)
		}
		for _, e := range w.input(undo) {
			r, ok := e.(Receive)
			k.prepared = k.prepared || ok && r.Outcome == Took
		}
		if k.acted = k.prepared && !w.chaos; !k.acted {
			return false // it goes on later, or never
		}
	}
	frozen := !w.trueNow().Before(k.deadline) // what it does now is brought back when it says so
	w.must("never-too-early", !w.cancelled || k.listed || frozen, "%s is suspended after a cancel that did not say so", k.claim.Participant)
	k.acted, y.suspended = true, true
	rep.Verdict, rep.Counts = Suspended, Counts{"sessions": 1}
	return true
}

func (w *world) erase(rep *ReportReceived, k *worker, spec Spec, y *system) {
	name := k.claim.Participant
	w.must("never-too-early", w.pivoted && w.announced && !w.cancelled, "%s is erased", name)
	w.must("held-blocks", !w.heldAt(name) || k.listed, "%s is erased under a hold that did not say so", name)
	if w.chaos && w.one(12) {
		rep.Verdict, rep.Ground = Retained, "tax"
		return
	}
	n := k.task.count(y)
	if w.chaos && n > 1 && spec.Unverified == "" && w.one(4) {
		n-- // it is stopped half way
	}
	w.delete(name, k.task, n)
	rep.Verdict, rep.Counts, rep.Remaining = Absent, Counts{"items": n}, left(spec, k.task, y)
	if late := k.task.tooLate(y); late > 0 {
		rep.Later = Counts{"items": late}
		w.later[k.grant.Permit] = late
	}
	if n > 0 {
		rep.Verdict = Erased
	}
}
