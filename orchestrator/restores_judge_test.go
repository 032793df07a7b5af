package orchestrator_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// verdict is what was found: by what clients were told, what shelves wrote down, and what
// is on the bus.
type verdict struct{ resurrected, unpermitted, unnamed, other int }

// judgeLedgers looks at everything that the shelves were permitted and did.
func (w *traffic) judgeLedgers() (v verdict) {
	all := w.book.all()
	pivoted := w.pivots() // not before: it goes on meanwhile
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range all {
		g := &all[i]
		if why := w.revived(g); why != "" {
			v.resurrected++
			w.r.t.Errorf("resurrected: %s: %s of %s at %s", why, g.Verb, g.Saga, g.by)
		}
		if why := w.unpermitted(g, pivoted); why != "" {
			v.unpermitted++
			w.r.t.Errorf("unpermitted: %s: %s of %s at %s", why, g.Verb, g.Saga, g.by)
		}
	}
	v.unpermitted += w.twice(all)
	for _, f := range w.faults {
		w.r.t.Error(f)
	}
	v.other += len(w.faults)
	return v
}

// revived says how a permit belies what a client was told of its saga, if it does.
func (w *traffic) revived(g *grant) string {
	t := w.told[g.Saga]
	switch {
	case t == nil:
	case !t.ended.IsZero() && g.asked.After(t.ended):
		return "permitted after the summary"
	case g.changes() && !t.cancelled.IsZero() && g.acted.After(t.cancelled) && !g.allowed(t.alive):
		return "done after the cancel"
	case g.Verb == events.Erase && !t.cancelled.IsZero() && g.asked.After(t.cancelled):
		return "permitted after the cancel"
	}
	return ""
}

// unpermitted says why what was done must not have been, if so.
func (w *traffic) unpermitted(g *grant, pivoted map[string]bool) string {
	if g.acted.IsZero() || g.Verb != events.Erase {
		return ""
	}
	if !pivoted[g.Saga] {
		return "the bus knows of no pivot"
	}
	for _, h := range w.holds {
		if h.person == g.person && g.acted.After(h.placed) && (h.release.IsZero() || g.acted.Before(h.release)) && !g.allowed(h.alive) {
			return "under a hold"
		}
	}
	return ""
}

// twice counts the permits for a step that one generation gave while one of another was
// alive, whose holder was not done with it.
func (w *traffic) twice(all []grant) (n int) {
	type step struct {
		saga, by string
		verb     events.Verb
	}
	given := map[step][]*grant{}
	for i := range all {
		g := &all[i]
		key := step{g.Saga, g.by, g.Verb}
		for _, was := range given[key] {
			over := !was.over.IsZero() && was.over.Before(g.got)
			if was.Permit.Permit != g.Permit.Permit && was.Generation != g.Generation && g.got.Before(was.until) && !over {
				n++
				w.r.t.Errorf("unpermitted: %s of %s at %s is permitted by generations %d and %d at once", g.Verb, g.Saga, g.by, was.Generation, g.Generation)
			}
		}
		given[key] = append(given[key], g)
	}
	return n
}

func (w *traffic) pivots() map[string]bool {
	out := map[string]bool{}
	for _, m := range w.r.read(events.StreamEvents) {
		if e, ok := m.payload.(events.Event); ok && e.Kind == events.KindErasing {
			out[e.Saga] = true
		}
	}
	return out
}

// judgeNames compares what the start names for an operator with what the bus tells.
func (w *traffic) judgeNames(dismissed map[string]bool) (unnamed int) {
	accepted, ended := w.onBus()
	want := map[string]bool{}
	for request, id := range accepted {
		if !ended[id] && !dismissed[request] && !w.knows(id, request) {
			want[request] = true
		}
	}
	got := map[string]bool{}
	for _, u := range w.r.orch.Recovery().Unknown {
		got[u.Request] = true
	}
	for _, request := range slices.Sorted(maps.Keys(want)) {
		if !got[request] {
			unnamed++
			w.r.t.Errorf("unnamed: %s", request)
		}
	}
	for request := range got {
		if !want[request] {
			unnamed++
			id := accepted[request]
			w.r.t.Errorf("named, and need not be: %s: on the bus %v, ended %v, dismissed %v, known %v", request, id != "", ended[id], dismissed[request], id != "" && w.knows(id, request))
		}
	}
	return unnamed
}

// onBus returns the accepted requests with their sagas, and the sagas that ended.
func (w *traffic) onBus() (accepted map[string]string, ended map[string]bool) {
	accepted, ended = map[string]string{}, map[string]bool{}
	for _, m := range w.r.read(events.StreamEvents) {
		switch p := m.payload.(type) {
		case events.Summary:
			ended[p.Saga] = true
		case events.Event:
			switch p.Kind {
			case events.KindAccepted:
				accepted[p.Request] = p.Saga
			case events.KindCancelled: // of an unknown one nobody can say that it is restored
				ended[p.Saga] = ended[p.Saga] || w.has(p.Saga)
			default:
			}
		}
	}
	return accepted, ended
}

func (w *traffic) has(id string) bool {
	_, err := w.r.store.Load(w.r.t.Context(), saga.ID(id))
	return err == nil
}

func (w *traffic) knows(id, request string) bool {
	s, err := w.r.store.Load(w.r.t.Context(), saga.ID(id))
	if errors.Is(err, storage.ErrNotFound) {
		return false
	}
	if err != nil {
		w.r.t.Fatal(err)
	}
	return slices.ContainsFunc(s.Requests, func(q saga.Request) bool { return q.ID == request })
}

// judgeStore compares what the store says with what clients were told.
func (w *traffic) judgeStore() (v verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, t := range w.told {
		s, err := w.r.store.Load(w.r.t.Context(), saga.ID(id))
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			w.r.t.Fatal(err)
		}
		if !t.cancelled.IsZero() && s.Phase != saga.Cancelled && s.Phase != saga.Restoring {
			v.resurrected++
			w.r.t.Errorf("resurrected: %s was cancelled, and is %s", id, s.Phase)
		}
		if t.summary == nil {
			continue
		}
		if sum, err := w.r.store.Summary(w.r.t.Context(), saga.ID(id)); err != nil || !bytes.Equal(sum, t.summary) {
			v.resurrected++
			w.r.t.Errorf("resurrected: %s ended as %s, and is %s: %v", id, t.state, s.Phase, err)
		}
	}
	v.other += w.judgeHolds()
	return v
}

func (w *traffic) judgeHolds() (n int) {
	have := map[string]bool{}
	for h, err := range w.r.store.Holds(w.r.t.Context()) {
		if err != nil {
			w.r.t.Fatal(err)
		}
		have[h.ID] = true
	}
	for id, h := range w.holds {
		if h.release.IsZero() && !have[id] || h.released && have[id] {
			n++
			w.r.t.Errorf("hold %s: on record %v, released %v", id, have[id], h.released)
		}
	}
	return n
}

// ends is where the event stream ends: its last sequence, and the highest batch on it.
func (w *traffic) ends() (sequence, log uint64) {
	for _, m := range w.r.read(events.StreamEvents) {
		sequence, log = m.sequence, max(log, m.env.Log)
	}
	return sequence, log
}

// judgeNumbers looks whether what was published after a restore counts on from what was
// there, and whether anything was taken for a repeat.
func (w *traffic) judgeNumbers(sequence, log uint64) (n int) {
	for _, m := range w.r.read(events.StreamEvents) {
		if m.sequence > sequence && m.env.Log <= log {
			n++
			w.r.t.Errorf("%s of batch %d after batch %d", m.subject, m.env.Log, log)
		}
	}
	if got := w.r.suppressed(); got != 0 {
		n++
		w.r.t.Errorf("%d new messages were taken for repeats", got)
	}
	return n
}

func (v *verdict) add(o verdict) {
	v.resurrected += o.resurrected
	v.unpermitted += o.unpermitted
	v.unnamed += o.unnamed
	v.other += o.other
}
