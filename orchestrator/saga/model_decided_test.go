package saga

import "time"

// replan is the shell's: zoo joins the plan that is configured.
func (w *world) replan() {
	now := w.grown()
	if w.plan.Scoped {
		var ok bool
		if now, ok = now.Narrow(w.plan.Erases()); !ok {
			return
		}
	}
	w.input(Replanned{w.plan.Union(now)})
}

// grown is the configured plan, and zoo.
func (w *world) grown() Plan {
	return w.base.Union(Plan{Name: "model", Participants: []Spec{{Name: "zoo", Suspends: w.one(2)}}}.WithDefaults())
}

// decide: the saga comes from a backup that is older than what was decided about it.
func (w *world) decide() {
	switch w.draw(6) {
	case 0:
		w.input(Decided{Kind: DecidedCancel})
	case 1, 2:
		w.input(Decided{Kind: DecidedPivot})
	case 3:
		if w.one(3) {
			w.input(Decided{Kind: DecidedEnd, End: []Phase{Completed, CompletedWithExceptions, NotFound, Cancelled, Erasing, ""}[w.draw(6)]})
		}
	case 4:
		w.input(Decided{Kind: DecidedWithdrawn, Request: w.asked[w.draw(len(w.asked))].in.Request.ID, More: w.one(2)})
	case 5:
		w.input(Decided{Kind: DecidedSuspend})
	}
}

// foreseeDecided does to the systems what was done after the backup.
func (w *world) foreseeDecided(in Decided) {
	switch {
	case in.Kind == DecidedEnd:
		w.ended = w.ended || in.End.Final() && !w.s.Phase.Final()
	case !w.open():
	case in.Kind == DecidedCancel:
		for _, q := range w.asked {
			q.withdrawn = true
		}
		w.calledOff()
	case in.Kind == DecidedWithdrawn:
		w.foreseeWithdrawn(in)
	case in.Kind == DecidedSuspend: // nobody would suspend what has its value sealed
		w.everybody(func(name string, y *system) {
			spec, _ := w.plan.Spec(name)
			y.suspended = y.suspended || spec.Suspends && w.undo[name] == "" && w.one(2)
		})
	case in.Kind == DecidedPivot:
		w.decided, w.graceTrue = true, time.Time{}
		w.everybody(func(name string, y *system) {
			spec, ok := w.plan.Spec(name)
			if t := w.task(name); ok && !spec.Bystander && w.one(3) {
				t.takeFrom(y, t.count(y))
			}
		})
	}
}

// foreseeWithdrawn: the last one calls the saga off, unless somebody wants it of whom the
// backup knows nothing.
func (w *world) foreseeWithdrawn(in Decided) {
	for _, q := range w.asked {
		if q.in.Request.ID == in.Request && !q.withdrawn {
			q.withdrawn, q.gone = true, true
			switch {
			case w.standing() > 0:
			case in.More:
				w.doubtful = true
			default:
				w.calledOff()
			}
		}
	}
}

// calledOff: somebody may have been suspended before that. Whoever holds a permit from before
// the backup is in nobody's list.
func (w *world) calledOff() {
	w.cancelled = true
	w.everybody(func(name string, y *system) {
		spec, _ := w.plan.Spec(name)
		y.suspended = y.suspended || spec.Suspends && w.one(3)
	})
	for _, k := range w.workers {
		k.listed = true
	}
}

// everybody in the plan's order: a run is to be repeated by its seed.
func (w *world) everybody(f func(name string, y *system)) {
	for _, spec := range w.plan.Participants {
		f(spec.Name, w.systems[spec.Name])
	}
}
