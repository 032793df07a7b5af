package saga

import (
	"slices"
	"time"
)

// task is what a permit lets a worker act on, as the shell hands it out.
type task struct {
	items  []string // references; none: the whole share
	cutOff time.Time
	user   string   // empty: the permit had no user id
	owners []string // of the attributes that it had
}

func (w *world) task(name string) (t task) {
	for _, i := range itemsOf(w.s.Items, name) {
		t.items = append(t.items, i.Hash)
	}
	t.cutOff, t.user, t.owners = w.s.CutOffOf(name), w.whose(), w.owners()
	return t
}

func (t task) is(x thing) bool {
	if x.user != t.user && (t.user != "" || !slices.Contains(t.owners, x.user)) {
		return false
	}
	return (len(t.items) == 0 || slices.Contains(t.items, x.ref)) && (t.cutOff.IsZero() || !x.made.After(t.cutOff))
}

// tooLate counts what the task would be about if it had been made earlier.
func (t task) tooLate(y *system) (n int64) {
	if t.cutOff.IsZero() {
		return 0
	}
	return task{items: t.items}.count(y) - t.count(y)
}

func (t task) count(y *system) (n int64) {
	for _, x := range y.things {
		if t.is(x) {
			n++
		}
	}
	return n
}

// delete does so, with n of what a task is about; nobody may miss any of it.
func (w *world) delete(name string, t task, n int64) {
	for _, x := range t.takeFrom(w.systems[name], n) {
		w.must("erased-is-the-bound-ones", x.user == w.boundTo, "%s lost something of %s, and it is about %q", name, x.user, w.boundTo)
		w.must("scope-kept", w.wanted(name, x), "%s lost what nobody who stands asked for: %+v", name, x)
	}
}

// takeFrom takes n things away of what a task is about.
func (t task) takeFrom(y *system, n int64) (taken []thing) {
	var kept []thing
	for _, x := range y.things {
		if int64(len(taken)) < n && t.is(x) {
			taken = append(taken, x)
			continue
		}
		kept = append(kept, x)
	}
	y.things, y.deleted = kept, y.deleted+len(taken)
	return taken
}

// wanted reports whether somebody who stands asked for a thing.
func (w *world) wanted(name string, x thing) bool {
	return slices.ContainsFunc(w.asked, func(q *want) bool { return !q.gone && q.wants(name, x, q.in.CutOff) })
}

// wantedOf counts what is asked for and was there before a step. Where requests have
// different cut-offs the earliest is what all of them agree on.
func (w *world) wantedOf(name string, before int) (n int) {
	cutOff := w.earliest()
	for _, x := range w.systems[name].things {
		for _, q := range w.asked {
			at := cutOff
			if q.in.CutOff.IsZero() {
				at = time.Time{}
			}
			if x.user == w.whose() && !q.withdrawn && x.born < before && q.wants(name, x, at) {
				n++
				break
			}
		}
	}
	return n
}

func (w *world) earliest() (at time.Time) {
	for _, q := range w.asked {
		if c := q.in.CutOff; at.IsZero() || !c.IsZero() && c.Before(at) {
			at = c
		}
	}
	return at
}

// unserved returns where something is left that was there when it was counted last.
func (w *world) unserved() string {
	for name, y := range w.systems {
		spec, in := w.plan.Spec(name)
		before := y.counted
		if !in || spec.Unverified != "" || spec.Bystander {
			before = 1 // nobody counts, but what was there from the beginning is known
		}
		if !w.waived[name] && !y.kept && w.wantedOf(name, before) > 0 {
			return name
		}
	}
	return ""
}
