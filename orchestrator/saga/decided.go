package saga

import (
	"slices"
	"time"
)

// decided folds in what had been decided after the backup was taken from which the saga
// was restored.
func (r *run) decided(in Decided) {
	if r.s.Phase.Final() {
		return
	}
	switch in.Kind {
	case DecidedEnd:
		if !in.End.Final() {
			return
		}
		head := r.s.Head
		r.record(Entry{Kind: KFinished, Phase: in.End})
		r.emit(Finish{Head: head, Found: true})
	case DecidedCancel:
		if !r.cancellable() {
			return // the first decision wins, also when they are told again
		}
		r.record(Entry{Kind: KDecided, Reason: string(in.Kind)})
		r.callOff()
	case DecidedWithdrawn:
		r.decidedWithdrawn(in)
	case DecidedSuspend:
		if lost := func(h Share) bool { return h.unsealed() && !h.UndoLost }; r.cancellable() && slices.ContainsFunc(r.s.Shares, lost) {
			r.record(Entry{Kind: KDecided, Reason: string(in.Kind)})
		}
	case DecidedPivot:
		if r.cancellable() {
			r.record(Entry{Kind: KDecided, Reason: string(in.Kind)})
		}
	}
}

// decidedWithdrawn withdraws one request. The saga is called off with the last, unless there
// are others that only the newer store knew: nobody said that those do not want the erasure.
func (r *run) decidedWithdrawn(in Decided) {
	i := slices.IndexFunc(r.s.Requests, func(q Request) bool { return q.ID == in.Request })
	if i < 0 || r.s.Requests[i].Withdrawn || !r.cancellable() {
		return
	}
	q := r.s.Requests[i]
	r.record(Entry{Kind: KDecided, Reason: string(in.Kind), Request: &q, NotBefore: r.s.laterWithout(i)})
	switch {
	case r.standing() > 0:
		r.doubtWidth()
	case in.More:
		r.doubt("every request that is in the backup was withdrawn, and others are not in it: resume to erase all the same, or cancel")
	default:
		r.callOff()
	}
}

// decided marks a state that is older than what was decided about it. Permits of which it
// knows nothing may have been acted on.
func (s *State) decided(e Entry) {
	s.Restored = true
	switch Decision(e.Reason) {
	case DecidedCancel:
		for i := range s.Requests {
			s.Requests[i].Withdrawn = true
		}
	case DecidedWithdrawn:
		s.withdraw(e)
	case DecidedSuspend:
		for i := range s.Shares {
			h := &s.Shares[i]
			h.UndoLost = h.UndoLost || h.unsealed()
		}
	case DecidedPivot:
		s.Pivoted, s.GraceUntil, s.Forgot = e.At, time.Time{}, true
		for i := range s.Shares {
			s.Shares[i].Erase.MaybeDone = true
		}
	case DecidedEnd:
	}
}
