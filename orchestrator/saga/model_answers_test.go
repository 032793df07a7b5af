package saga

import "slices"

// answered checks what a request or a report was answered, and what it made known.
func (w *world) answered(in Input, effects []Effect) {
	switch in := in.(type) {
	case Requested:
		w.requested(in, effects)
	case ReportReceived:
		w.heard(in, effects)
		if in.Verb == Resolve && slices.Contains(effects, Effect(Receive{Outcome: Took})) && in.Verdict == Resolved {
			w.learnValues(in.Identifiers)
		}
	}
}

func (w *world) requested(in Requested, effects []Effect) {
	answers := 0
	for _, e := range effects {
		switch e := e.(type) {
		case Admit:
			answers++
			w.admitted(in, e)
		case Postpone:
			answers++
			w.must("postponed-changes-nothing", !slices.ContainsFunc(effects, changesRequests), "%+v", effects)
		}
	}
	w.must("answered-once", answers == 1, "%d answers", answers)
}

func changesRequests(e Effect) bool {
	r, ok := e.(Record)
	return ok && slices.Contains([]Kind{KStarted, KJoined, KReplanned, KDoubted}, r.Entry.Kind)
}

// admitted: the same request is the one that stands; another one is served in full.
func (w *world) admitted(in Requested, a Admit) {
	for _, q := range w.asked {
		if have := q.in.Request; !q.withdrawn && have.Fingerprint == in.Request.Fingerprint && have.Source == in.Request.Source {
			w.must("same-request-same-answer", a.Joined && a.Request == have.ID, "%s is admitted as %s", have.ID, a.Request)
			return
		}
	}
	w.must("admitted-in-time", len(w.asked) == 0 || w.open(), "%s joined in %s", in.Request.ID, w.s.Phase)
	w.must("due-is-the-earliest", w.s.Extended || !w.s.Due.After(in.Due), "%s, asked for %s", w.s.Due, in.Due)
	w.must("identifiers-known", len(w.s.unknownOf(in.Identifiers)) == 0, "%v", in.Identifiers)
	w.asked = append(w.asked, &want{in: in})
	w.populate(in.Plan)
	w.learnValues(in.Identifiers)
}

// learnValues: two values of what a person has one of, and somebody must look.
func (w *world) learnValues(ids []Identifier) {
	for _, id := range ids {
		if id.Type != "t0" || w.values[id.Hash] {
			continue
		}
		w.values[id.Hash] = true
		if len(w.values) > 1 && slices.Contains(w.plan.Single, "t0") {
			w.doubtful = true
		}
	}
}
