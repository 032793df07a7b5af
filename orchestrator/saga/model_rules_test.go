package saga

import (
	"strings"
	"time"
)

// must fails with the rule's name.
func (w *world) must(rule string, ok bool, format string, args ...any) {
	if !ok {
		w.t.Fatalf(rule+": "+format, args...)
	}
}

// effect checks what the core does, entry by entry, against the world.
func (w *world) effect(in Input, e Effect) {
	if !w.begun && !w.cancelled {
		switch e.(type) {
		case Ring, Grant, AskPivot, AskSubject:
			w.t.Fatalf("queued-does-nothing: %T", e)
		}
	}
	switch e := e.(type) {
	case Record:
		w.history = append(w.history, e.Entry)
		for _, r := range rules {
			if why := r.check(w, e.Entry); why != "" {
				w.t.Fatalf("%s: %s (%s)", r.name, why, e.Entry.Bytes())
			}
		}
		w.learn(e.Entry)
	case CancelAnswer:
		if e.Result == CancelDone {
			w.cancelled = true
			w.list(e.Alive, Suspend)
		}
	case Bind:
		w.replanned(e.Plan)
	case Finish:
		w.must("decided-end-is-found", e.Found == w.ended, "found %v", e.Found)
	case HoldAnswer:
		w.list(e.Alive, Erase)
	case Receive:
		if r := in.(ReportReceived); e.Outcome == Took && r.Verb == Verify && r.leftovers() {
			h := w.s.Share(r.Participant)
			w.must("verify-reopens", w.s.Phase != Verifying || h.Verify.Status != Reported || w.waived[h.Name] || w.systems[h.Name].kept,
				"%s was counted at %d, and nothing follows", h.Name, *r.Remaining)
		}
	}
}

// list marks the permits that an answer names; one that may be acted on and is not named
// is a lie to who asked. A call that left in time may still arrive within the margin.
func (w *world) list(alive []Live, v Verb) {
	for _, k := range w.workers {
		end := k.deadline
		if v == Erase {
			end = end.Add(w.late() + time.Nanosecond)
		}
		if k.claim.Verb != v || k.told || !w.trueNow().Before(end) {
			continue
		}
		for _, l := range alive {
			k.listed = k.listed || l.Participant == k.claim.Participant && l.Verb == v
		}
		w.must("answers-list-the-living", k.listed, "%s %s may act until %s", k.claim.Participant, v, k.deadline)
	}
}

// rules are those that one entry can break. Each says why, or nothing.
var rules = []struct {
	name  string
	check func(w *world, e Entry) (why string)
}{
	{"never-too-early", func(w *world, e Entry) string {
		return when(e.Kind == KGranted && e.Verb == Erase && !(w.pivoted && w.announced), "erase granted before the pivot is announced")
	}},
	{"nobody-stands-who-asked-for-it-so-soon", func(w *world, e Entry) string {
		return when(passes(w, e) && !w.decided && e.At.Before(w.soonest()), "nobody who stands asked for it before "+w.soonest().String())
	}},
	{"held-blocks", func(w *world, e Entry) string {
		grants := e.Kind == KGranted || e.Kind == KRenewed
		return when(grants && e.Verb == Erase && w.heldAt(e.Participant) || passes(w, e) && w.subjectHeld(), "under a hold")
	}},
	{"braked-blocks", func(w *world, e Entry) string {
		return when(passes(w, e) && w.braked, "the pivot passes a ceiling")
	}},
	{"ceiling-kept", func(w *world, e Entry) string {
		spec, _ := w.plan.Spec(e.Participant)
		return when(e.Kind == KGranted && e.Verb == Erase && spec.MaxItems > 0 && w.counted[e.Participant] > spec.MaxItems && !w.unbrake[e.Participant], "more items than allowed")
	}},
	{"cancel-xor-pivot", func(w *world, e Entry) string {
		return when(passes(w, e) && w.cancelled || e.Kind == KPhase && e.Phase == Restoring && (w.pivoted || w.decided), "both were decided")
	}},
	{"grace-kept", func(w *world, e Entry) string {
		return when(passes(w, e) && w.trueNow().Before(w.graceTrue), "the pivot is passed within the grace")
	}},
	{"grace-given", func(w *world, e Entry) string {
		return when(passes(w, e) && w.plan.Grace > 0 && w.graceTrue.IsZero() && !w.decided, "the pivot is passed without a grace")
	}},
	{"grace-by-due", func(w *world, e Entry) string {
		return when(e.Kind == KPhase && e.Phase == Grace && e.Until.After(w.s.Due), "the grace runs past due")
	}},
	{"second-look", func(w *world, e Entry) string {
		return when(passes(w, e) && w.unlooked, "nobody looked since it was suspended, or waited")
	}},
	{"doubt-blocks", func(w *world, e Entry) string {
		acts := e.Kind == KPrepared || e.Kind == KGranted && e.Verb == Suspend
		return when((acts || passes(w, e)) && w.doubtful, "nobody has looked at the doubt")
	}},
	{"never-twice", func(w *world, e Entry) string {
		if e.Kind != KGranted {
			return ""
		}
		for _, k := range w.workers {
			same := k.claim.Participant == e.Participant && k.claim.Verb == e.Verb && (e.Verb == Erase || k.grant.Round == e.Round)
			if same && !k.told && w.trueNow().Before(k.deadline) {
				return "a second live permit"
			}
		}
		return ""
	}},
	{"restore-waits", func(w *world, e Entry) string {
		for _, k := range w.workers {
			if e.Kind == KGranted && e.Verb == Restore && k.claim.Participant == e.Participant && k.claim.Verb == Suspend && !k.told && w.trueNow().Before(k.deadline) {
				return "somebody may still suspend"
			}
		}
		return ""
	}},
	{"restores-by-what-is-sealed", func(w *world, e Entry) string {
		return when(e.Kind == KGranted && e.Verb == Restore && w.undo[e.Participant] == "", "nothing says what it was like")
	}},
	{"prepared-refused-after-cancel", func(w *world, e Entry) string {
		return when(e.Kind == KPrepared && (w.cancelled || w.pivoted || w.decided), "accepted after the decision")
	}},
	{"edges-at-zero", func(w *world, e Entry) string {
		spec, _ := w.plan.Spec(e.Participant)
		for _, a := range spec.After {
			if e.Kind == KGranted && e.Verb == Erase && !w.goneInHistory(a) {
				return a + " is not gone"
			}
		}
		return ""
	}},
	{"scope-kept", func(w *world, e Entry) string {
		spec, _ := w.plan.Spec(e.Participant)
		return when(e.Kind == KGranted && spec.Bystander && e.Verb != Resolve, "a bystander's share is touched")
	}},
	{"unbound-touches-nothing", func(w *world, e Entry) string {
		return when(w.boundTo == "" && touches(e), "nobody knows yet whom it is about")
	}},
	{"unvouched-erases-nothing", func(w *world, e Entry) string {
		return when(w.unvouchedActs(e), "nobody but the request says whose its attribute is")
	}},
	{"looked-at-with-the-user-id", func(w *world, e Entry) string {
		return when(passes(w, e) && w.blindlyLooked() != "", w.blindlyLooked()+" was not looked at for whom it is about")
	}},
	{"resealed-looks-again", func(w *world, e Entry) string {
		grants := e.Kind == KGranted && e.Verb == Erase
		return when(grants && w.blindlyLooked() != "", w.blindlyLooked()+" was not looked at since the box was lost")
	}},
	{"resealed-erases-by-all", func(w *world, e Entry) string {
		grants := e.Kind == KGranted && e.Verb == Erase
		return when(grants && w.blindTo() != "", "a value of "+w.blindTo()+" was lost, and nobody looked")
	}},
	{"said-since-it-is-bound", func(w *world, e Entry) string {
		return when(touches(e) && w.saidBefore() != "", w.saidBefore()+" was said without the user id")
	}},
	{"bound-to-exactly-one", func(w *world, e Entry) string { return w.misbound(e) }},
	{"unbound-not-found-is-true", func(w *world, e Entry) string { return w.unasked(e) }},
	{"silent-weekend-parks-nothing", func(w *world, e Entry) string {
		if e.Kind != KParked || !strings.HasPrefix(e.Reason, "attempts used up") {
			return ""
		}
		granted := 0
		for _, have := range w.history {
			if have.Kind == KGranted && have.Participant == e.Participant && have.Verb == e.Verb {
				granted++
			}
		}
		return when(granted < w.plan.Attempts, "parked without the attempts")
	}},
	{"end-is-true", func(w *world, e Entry) string { return when(e.Kind == KFinished && !w.ended, w.endIsFalse(e.Phase)) }},
}

func passes(w *world, e Entry) bool { return e.Kind == KPhase && e.Phase == Erasing && !w.pivoted }

// goneInHistory: the last thing said of the predecessor is that it is gone, kept or waived.
func (w *world) goneInHistory(name string) (ok bool) {
	spec, _ := w.plan.Spec(name)
	for _, e := range w.history {
		if e.Participant == name && e.Verb == Erase {
			switch e.Kind {
			case KReported:
				ok = e.Verdict == Retained || spec.Unverified != "" || e.Remaining != nil && *e.Remaining == 0
			case KReopened:
				ok = false
			case KWaived:
				ok = true
			}
		}
	}
	return ok
}

// endIsFalse says what in the systems belies an end.
func (w *world) endIsFalse(p Phase) string {
	for _, spec := range w.plan.Participants {
		y := w.systems[spec.Name]
		excepted := w.waived[spec.Name] || y.kept || spec.Unverified != ""
		switch {
		case p == Cancelled && w.pivoted:
			return "cancelled after the pivot"
		case p == Cancelled && y.deleted > 0:
			return "cancelled, and something is deleted at " + spec.Name
		case p == Cancelled && y.suspended && !w.byHand[spec.Name]:
			return "cancelled, and still suspended: " + spec.Name
		case spec.Bystander && y.deleted > 0:
			return "a bystander lost something"
		case spec.Bystander:
		case p == Completed && excepted:
			return "completed with an exception: " + spec.Name
		case p == Completed && w.decided && w.foundByNames(spec):
			return "completed, and what it is found by may be erased: " + spec.Name
		case (p == Completed || p == NotFound) && w.foundByLess(spec):
			return string(p) + ", and found by less than before: " + spec.Name
		case (p == Completed || p == CompletedWithExceptions) && !excepted && y.counted == 0:
			return "nobody counted at " + spec.Name
		case p == NotFound && w.wantedOf(spec.Name, y.looked) > 0 && !w.waived[spec.Name]:
			return "not found, and it is there: " + spec.Name
		}
	}
	if p == Completed || p == CompletedWithExceptions {
		if name := w.unserved(); name != "" {
			return "something is left at " + name
		}
	}
	for _, k := range w.workers {
		ends := p == Completed || p == CompletedWithExceptions
		if ends && (k.claim.Verb == Verify || k.claim.Verb == Erase) && !k.told && w.trueNow().Before(k.deadline) {
			return "final with a live permit to " + string(k.claim.Verb)
		}
	}
	return ""
}
