package saga

import "time"

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
	case DecidedPivot:
		if r.cancellable() {
			r.record(Entry{Kind: KDecided, Reason: string(in.Kind)})
		}
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
	case DecidedPivot:
		s.Pivoted, s.GraceUntil = e.At, time.Time{}
		for i := range s.Shares {
			s.Shares[i].Erase.MaybeDone = true
		}
	case DecidedEnd:
	}
}
