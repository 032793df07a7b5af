package saga

import (
	"reflect"
	"strings"
	"time"
)

// learn keeps what an entry decided.
func (w *world) learn(e Entry) {
	w.learnKnown(e)
	switch e.Kind {
	case KPhase:
		w.pivoted = w.pivoted || e.Phase == Erasing
		w.unlooked = e.Phase == Grace || w.unlooked && e.Phase != Resolving
		if e.Phase == Grace && w.graceTrue.IsZero() && !w.decided {
			w.graceTrue = w.trueNow().Add(e.Until.Sub(w.now))
		}
	case KAnnounced:
		w.announced = true
	case KNamed, KBound:
		w.boundBy(e)
	case KDoubted:
		w.doubted = e.Reason
	case KSettled:
		w.vouched = w.vouched || strings.HasPrefix(w.doubted, unvouched)
		w.settledLost()
		w.settled()
	case KPrepared:
		w.unlooked = true
		if w.undo[e.Participant] == "" {
			w.undo[e.Participant] = e.Undo
		}
	case KReported:
		for _, id := range e.Identifiers {
			w.vouched = w.vouched || id == Identifier{Type: "t0", Hash: w.asked[0].in.Identifiers[0].Hash, From: e.Participant}
		}
		if e.Verb == Resolve {
			w.counted[e.Participant] = e.Counts.Total()
		}
		if e.Verb == Erase {
			w.systems[e.Participant].kept = e.Verdict == Retained
			w.leaves[e.Participant] = w.later[e.Permit]
		}
		w.seen(e)
	case KWaived:
		w.waived[e.Participant] = w.waived[e.Participant] || e.Verb == Erase
		w.byHand[e.Participant] = w.byHand[e.Participant] || e.Verb == Restore
	case KUnbraked:
		w.unbrake[e.Participant] = true
	}
}

// always checks what holds between any two inputs.
func (w *world) always() {
	at, ok := w.s.Wake(w.plan, w.now)
	w.must("wake-always", ok != w.s.Phase.Final() && (!ok || at.Sub(w.now) <= 24*time.Hour), "%v %v in %s", at, ok, w.s.Phase)
	w.must("wake-never-spins", !ok || at.After(w.now), "%s ago in %s", w.now.Sub(at), w.s.Phase)
	if w.steps%4 == 0 {
		w.must("explain-never-empty", Explain(w.plan, w.s, w.now) != "", "in %s", w.s.Phase)
	}
	for i := range w.s.Shares {
		h := &w.s.Shares[i]
		w.must("later-is-told", h.Later.Total() == w.leaves[h.Name], "%s left %d, and the state says %d", h.Name, w.leaves[h.Name], h.Later.Total())
		w.must("first-undo-wins", h.Undo == w.undo[h.Name], "%s has %q, sealed first was %q", h.Name, h.Undo, w.undo[h.Name])
	}
	w.must("grace-not-stretched", w.skew != 0 || w.s.Phase.Final() || !w.s.GraceUntil.After(w.now.Add(w.plan.Grace)), "it ends in %s, and is %s", w.s.GraceUntil.Sub(w.now), w.plan.Grace)
	if w.steps%256 == 0 || w.s.Phase.Final() {
		folded, err := Fold(w.history)
		w.must("fold-is-state", err == nil && reflect.DeepEqual(folded, w.s), "%v", err)
		w.attempts()
	}
}

// attempts: only a granted permit uses one.
func (w *world) attempts() {
	granted := map[string]int{}
	for _, e := range w.history {
		if e.Kind == KGranted {
			granted[e.Participant+string(e.Verb)]++
		}
	}
	w.s.each(func(h *Share, v Verb, t *Step) {
		w.must("attempts-only-by-grants", t.Attempts == granted[h.Name+string(v)], "%s %s: %d, granted %d", h.Name, v, t.Attempts, granted[h.Name+string(v)])
	})
}

// seen keeps when a look or a count that was taken was made.
func (w *world) seen(e Entry) {
	switch y := w.systems[e.Participant]; e.Verb {
	case Resolve:
		y.looked, y.lookedFor = w.acts[e.Permit], w.gave[e.Permit]
	case Verify:
		y.counted = w.acts[e.Permit]
	case Suspend, Restore, Erase:
	}
}
