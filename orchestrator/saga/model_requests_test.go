package saga

import (
	"fmt"
	"slices"
	"time"
)

// want is a request that was admitted.
type want struct {
	in        Requested
	withdrawn bool
	gone      bool // withdrawn, and no operator let the saga go on with it
}

// wants reports whether a request asks for a thing, if it was made up to cutOff.
func (q *want) wants(name string, x thing, cutOff time.Time) bool {
	items := itemsOf(q.in.Items, name)
	listed := len(items) == 0 || slices.ContainsFunc(items, func(i Item) bool { return i.Hash == x.ref })
	whole := !q.in.Plan.Scoped && q.in.Plan.Name == "model" && name == "zoo" // it joined the plan that is meant by all of it
	return (whole || slices.Contains(q.in.Plan.Erases(), name)) && listed && (cutOff.IsZero() || !x.made.After(cutOff))
}

// narrowed is the plan for one or two shares, and sometimes the same.
func (w *world) narrowed() Plan {
	names := []string{w.base.Participants[w.draw(len(w.base.Participants))].Name}
	if other := w.base.Participants[w.draw(len(w.base.Participants))].Name; w.one(2) && other != names[0] {
		names = append(names, other)
	}
	p, _ := w.base.Narrow(names)
	if w.unbound {
		p, _ = w.base.NarrowToFind(names)
	}
	return p
}

// backwards is a plan of another name that has another order, and leaves somebody out.
func (w *world) backwards() Plan {
	p := Plan{Name: "backwards"}
	for i, spec := range slices.Backward(w.base.Participants) {
		s := Spec{Name: spec.Name}
		if n := len(p.Participants); n > 0 {
			s.After = []string{p.Participants[n-1].Name}
		}
		if i == 0 && len(p.Participants) == 0 || w.one(2) {
			p.Participants = append(p.Participants, s)
		}
	}
	return p.WithDefaults()
}

// request asks for what a plan covers, or for single items of it.
func (w *world) request(p Plan) Requested {
	n := len(w.asked)
	in := Requested{Plan: p, Due: w.now.Add(time.Duration(20+w.draw(20)) * 24 * time.Hour), Identifiers: w.identifiers(),
		Request: Request{ID: fmt.Sprintf("r%d", n), Source: []string{"x", "y"}[w.draw(2)], Fingerprint: fmt.Sprintf("f%d", n), At: w.now}}
	if w.boundTo != "" && w.one(4) {
		in.Identifiers = append(in.Identifiers, Identifier{Type: "t0", Hash: w.value()})
	}
	if w.one(5) {
		in.NotBefore = w.now.Add(time.Duration(1+w.draw(15)) * 24 * time.Hour)
		in.Request.NotBefore = in.NotBefore
	}
	if !p.Scoped {
		return in
	}
	in.CutOff = w.now
	for _, name := range p.Erases() {
		for _, ref := range refs {
			if w.one(4) {
				in.Items = append(in.Items, Item{Participant: name, Kind: "items", Hash: ref})
			}
		}
	}
	return in
}

// askAgain asks anew, or for the same again.
func (w *world) askAgain() {
	if w.one(3) {
		in := w.asked[w.draw(len(w.asked))].in
		in.Request.ID, in.Saga, in.Subject, in.Queued = fmt.Sprintf("again%d", w.steps), "", "", false
		w.input(in)
		return
	}
	if len(w.asked) < 5 {
		w.input(w.request([]Plan{w.plan, w.base, w.narrowed(), w.backwards(), w.grown()}[w.draw(5)]))
	}
}

// cancelSome withdraws a request, or tries to with one that is not there.
func (w *world) cancelSome() {
	q := w.asked[w.draw(len(w.asked))].in.Request
	if w.one(6) {
		w.cancel(CancelAll{By: "ada", Ground: "a mistake"})
		return
	}
	switch w.draw(12) {
	case 0:
		q.ID = "never"
	case 1:
		q.Source = "z"
	}
	w.cancel(CancelRequested{Request: q.ID, Source: q.Source})
}

// cancel knows the answer beforehand.
func (w *world) cancel(in Input) (got CancelResult) {
	want := CancelDone
	switch in := in.(type) {
	case CancelRequested:
		want = w.foretell(in)
	case CancelAll:
		want = w.foretellAll()
	}
	for _, e := range w.input(in) {
		if a, ok := e.(CancelAnswer); ok {
			w.must("answered-once", got == "", "%s, and then %s", got, a.Result)
			got = a.Result
		}
	}
	w.must("cancel-of-one-leaves-the-others", got == want, "answered %s, want %s in %s", got, want, w.s.Phase)
	return got
}

// foretell returns what a cancel must be answered, and withdraws the request.
func (w *world) foretell(in CancelRequested) CancelResult {
	i := slices.IndexFunc(w.asked, func(q *want) bool { return q.in.Request.ID == in.Request && q.in.Request.Source == in.Source })
	switch {
	case i < 0:
		return CancelUnknown
	case w.asked[i].withdrawn && (w.ended && w.s.Phase == Cancelled || !w.ended && w.cancelled): // the bus knows best
		return CancelDone
	case w.asked[i].withdrawn:
		return CancelWithdrawn
	case !w.open():
		return CancelTooLate
	}
	w.asked[i].withdrawn, w.asked[i].gone = true, true
	if w.standing() > 0 {
		return CancelWithdrawn
	}
	return CancelDone
}

// soonest is when the first of the requests that stand wants the erasure; zero: at once.
func (w *world) soonest() (t time.Time) {
	first := true
	for _, q := range w.asked {
		if !q.withdrawn && (first || q.in.NotBefore.Before(t)) {
			t, first = q.in.NotBefore, false
		}
	}
	return t
}

// foretellAll is the same of a cancel of everything.
func (w *world) foretellAll() CancelResult {
	switch {
	case w.ended && w.s.Phase == Cancelled || !w.ended && w.cancelled:
		return CancelDone
	case !w.open():
		return CancelTooLate
	}
	for _, q := range w.asked {
		q.withdrawn, q.gone = true, true
	}
	return CancelDone
}

func (w *world) standing() (n int) {
	for _, q := range w.asked {
		if !q.withdrawn {
			n++
		}
	}
	return n
}

// settled: an operator looked, and the saga goes on as it is.
func (w *world) settled() {
	w.doubtful = false
	for _, q := range w.asked {
		q.gone = false
	}
}
