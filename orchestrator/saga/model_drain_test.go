package saga

import (
	"fmt"
	"time"
)

// drain: workers are honest, operators careful, clocks right. Never lost: it ends.
func (w *world) drain() {
	w.chaos, w.busOff, w.braked, w.taken = false, false, false, false
	w.now, w.skew = w.now.Add(-w.skew), 0
	for _, in := range []Input{Woke{}, Begin{}, BoxFound{}, Announced{}} {
		w.input(in)
	}
	for n := 0; !w.s.Phase.Final(); n++ {
		w.must("never-lost", n < 600, "it does not end: %s: %s", w.s.Phase, Explain(w.plan, w.s, w.now))
		w.mend()
		w.thaw()
		w.linger()
		seq := w.s.Seq
		for len(w.mail) > 0 {
			w.deliver(0, false)
		}
		for _, h := range w.s.Clone().Shares {
			for _, v := range Verbs {
				w.serve(h.Name, v)
			}
		}
		if at, ok := w.s.Wake(w.plan, w.now); ok && (seq == w.s.Seq || w.one(2)) {
			w.pass(at.Sub(w.now))
		}
	}
}

// regret: sometimes everybody who asked withdraws, whatever they are answered.
func (w *world) regret() {
	if !w.one(5) {
		return
	}
	for _, q := range w.asked {
		w.cancel(CancelRequested{Request: q.in.Request.ID, Source: q.in.Request.Source})
	}
}

// thaw lets workers come back after all who were frozen within a suspend, or slow to count.
func (w *world) thaw() {
	for _, k := range w.workers {
		if (k.prepared || k.claim.Verb == Verify) && !k.acted && w.one(3) && !w.s.Phase.Final() {
			w.actAs(k)
		}
	}
}

// linger: somebody takes a permit to count and is slow, while elsewhere something is
// written back, so that all are counted again.
func (w *world) linger() {
	if w.s.Phase != Verifying || w.lingered > 2 || !w.one(3) {
		return
	}
	name := w.someone()
	if t := w.s.Share(name).Verify; t.Status == Open {
		w.lingered++
		w.claim(Claimed{Participant: name, Verb: Verify, Round: t.Round, Instance: fmt.Sprintf("slow%d", w.nonce)})
		w.bear(w.systems[w.someone()], w.s.Started.Add(-time.Hour))
	}
}

// serve does an open step as it should be done.
func (w *world) serve(name string, v Verb) {
	st := w.s.Share(name).Step(v)
	if st.Status != Open {
		return
	}
	id := len(w.workers)
	w.claim(Claimed{Participant: name, Verb: v, Round: st.Round, Instance: fmt.Sprintf("honest%d", w.nonce)})
	if len(w.workers) > id {
		if rep, ok := w.act(w.workers[id]); ok {
			w.mail = append(w.mail, rep)
			w.deliver(len(w.mail)-1, false)
		}
	}
}

// mend is the operator who looks at what waits for one.
func (w *world) mend() {
	for id := range w.holds {
		w.input(HoldReleased{ID: id, By: "ada", Ground: "over"})
	}
	if w.s.Stuck() == "" {
		return
	}
	w.input(Resume{By: "ada", Ground: "looked"})
	if w.s.Ambiguous != "" {
		w.sayWhom()
	}
	for _, h := range w.s.Clone().Shares {
		if h.Restore.Status == Parked && (h.Undo == "" || h.UndoLost) { // by hand, as the reason says
			w.systems[h.Name].suspended = false
			w.input(Waive{Participant: h.Name, Verb: Restore, By: "ada", Ground: "by hand"})
		}
		w.input(Unbrake{Participant: h.Name, By: "ada", Ground: "looked"})
		for _, v := range Verbs {
			w.input(Retry{Participant: h.Name, Verb: v, By: "ada", Ground: "mended"})
		}
	}
}
