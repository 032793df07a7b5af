package saga

import (
	"slices"
	"time"
)

// cancel withdraws a request; the saga is cancelled with its last one.
func (r *run) cancel(in CancelRequested) {
	found := slices.IndexFunc(r.s.Requests, func(q Request) bool { return q.ID == in.Request && q.Source == in.Source })
	switch {
	case found < 0:
		r.cancelled(CancelUnknown)
	case r.s.Requests[found].Withdrawn && (r.s.Phase == Cancelled || r.s.Phase == Restoring):
		r.cancelled(CancelDone)
	case r.s.Requests[found].Withdrawn:
		r.cancelled(CancelWithdrawn)
	case !r.cancellable():
		r.cancelled(CancelTooLate)
	default:
		q := r.s.Requests[found]
		r.record(Entry{Kind: KWithdrawn, Request: &q, By: in.By, Ground: in.Ground, NotBefore: r.s.laterWithout(found)})
		if r.standing() > 0 {
			r.cancelled(CancelWithdrawn)
			r.emit(Emit{Kind: EventWithdrawn, Only: &q})
			r.doubtWidth()
			return
		}
		r.cancelled(CancelDone)
		r.callOff()
	}
}

// laterWithout returns when the saga may begin for the requests that stand without one of
// them, if that is later than now: nobody's haste may outlive their request.
func (s *State) laterWithout(found int) (t time.Time) {
	for i, q := range s.Requests {
		switch {
		case i == found || q.Withdrawn:
		case q.NotBefore.IsZero():
			return time.Time{}
		case t.IsZero() || q.NotBefore.Before(t):
			t = q.NotBefore
		}
	}
	if !t.After(s.NotBefore) {
		return time.Time{}
	}
	return t
}

// cancelAll withdraws all requests at once: what becomes of the saga while some of them still
// stand is nobody's question.
func (r *run) cancelAll(in CancelAll) {
	switch {
	case r.s.Phase == Cancelled || r.s.Phase == Restoring:
		r.cancelled(CancelDone)
	case !r.cancellable():
		r.cancelled(CancelTooLate)
	default:
		for _, q := range slices.Clone(r.s.Requests) {
			if !q.Withdrawn {
				r.record(Entry{Kind: KWithdrawn, Request: &q, By: in.By, Ground: in.Ground})
			}
		}
		r.cancelled(CancelDone)
		r.callOff()
	}
}

// standing is how many requests still want the erasure.
func (r *run) standing() (n int) {
	for _, q := range r.s.Requests {
		if !q.Withdrawn {
			n++
		}
	}
	return n
}

// doubtWidth keeps a saga from erasing what nobody asks for any more: once its requests
// differed, one that is withdrawn may have asked for more than those that stand.
func (r *run) doubtWidth() {
	if r.s.Mixed {
		r.doubt("a request was withdrawn, and those that stand may ask for less: resume to erase all of it, or cancel them and ask again")
	}
}

// cancellable reports whether nothing irreversible has been decided.
func (r *run) cancellable() bool { return r.s.Phase.beforePivot() && r.s.Pivoted.IsZero() }

func (r *run) cancelled(c CancelResult) {
	a := CancelAnswer{Result: c}
	if c == CancelDone {
		a.Alive = r.s.Alive(r.now)
		for _, h := range r.s.Shares {
			if h.Ended.Total() > 0 {
				a.Ended = append(a.Ended, h.Name)
			}
		}
	}
	r.emit(a)
}

// restorable reports whether a share may have been suspended: its undo value is sealed, or
// was, before it was lost or after the backup was taken from which the saga comes.
func (s *State) restorable(h *Share) bool {
	return h.Undo != "" || h.UndoLost || s.Restored && h.Suspend.Status != ""
}

// callOff ends the saga, or first brings back what was suspended: also by a permit that
// may yet be acted on.
func (r *run) callOff() {
	r.emit(Emit{Kind: EventCancelled})
	if r.all(func(h *Share) bool { return !r.s.restorable(h) }) {
		r.finish(Cancelled)
		return
	}
	r.record(Entry{Kind: KPhase, Phase: Restoring})
}
