package saga

import (
	"fmt"
	"time"
)

// advancePivot passes the pivot, if it is let through and nothing is in the way.
func (r *run) advancePivot() (moved bool) {
	r.brakeShares()
	switch {
	case r.s.Halted != "" || r.s.Doubt != "" || r.s.Held("") != nil || r.anyBraked():
		return false
	case r.now.Before(r.s.GraceUntil) || !r.all(func(h *Share) bool { return !h.Suspend.alive(r.now) }):
		return false
	case r.s.Brake != "" && !r.cleared:
		r.asks = true // a look now would be old by the time that the brake is off
		return false
	case r.stale():
		r.look()
		return true
	case !r.cleared:
		r.asks = true
		return false
	}
	r.cleared = false
	r.pivot()
	return true
}

// pivot is the one decision after which there is no way back. It is acted on once the bus
// has its event, see [Announced].
func (r *run) pivot() {
	r.record(Entry{Kind: KPhase, Phase: Erasing})
	r.emit(Emit{Kind: EventErasing})
}

// lookAnew is why a look takes the place of the one before: nobody knew the person then.
const lookAnew = "nobody knew the person, and that was before now"

// look opens another look at all shares: what came to be since the last one is joined in.
func (r *run) look() { r.record(Entry{Kind: KPhase, Phase: Resolving}) }

// stale reports whether the shares must be looked at again: what was suspended, or waited
// for, gave time for something new to come to be.
func (r *run) stale() bool {
	return r.s.Look == 1 && (r.plan.Grace > 0 || r.plan.suspends()) || r.aged()
}

// aged reports whether the last look is too old, or nobody knows how old.
func (r *run) aged() bool {
	var last time.Time
	for _, h := range r.s.Shares {
		if h.Resolve.Status == Reported && h.Verdict != Waived && h.Resolve.Since.After(last) {
			last = h.Resolve.Since
		}
	}
	// A look that seems to come from the future was made by a wrong clock: nobody knows its age.
	return !last.IsZero() && (r.now.Sub(last) > r.plan.Fresh || r.now.Before(last))
}

func (p Plan) suspends() bool {
	for _, s := range p.Participants {
		if s.Suspends {
			return true
		}
	}
	return false
}

// brakeShares notes which shares have more items than their ceiling allows.
func (r *run) brakeShares() {
	for i := range r.s.Shares {
		h := &r.s.Shares[i]
		if r.overCeiling(h) && h.Brake == "" {
			spec, _ := r.plan.Spec(h.Name)
			r.record(Entry{Kind: KBraked, Participant: h.Name,
				Reason: fmt.Sprintf("%d items, and its ceiling is %d: look, then release the brake", h.Expected.Total(), spec.MaxItems)})
		}
	}
}

// overCeiling reports whether a share waits for an operator because of its size.
func (r *run) overCeiling(h *Share) bool {
	spec, _ := r.plan.Spec(h.Name)
	return spec.MaxItems > 0 && !h.Unbraked && h.Erase.Status != Reported && h.Expected.Total() > spec.MaxItems
}

func (r *run) anyBraked() bool { return !r.all(func(h *Share) bool { return !r.overCeiling(h) }) }

// braked notes what keeps the saga from its pivot.
func (r *run) braked(in Braked) {
	if r.s.Phase.beforePivot() && r.s.Brake != in.Reason {
		r.record(Entry{Kind: KBraked, Reason: in.Reason})
	}
}

// announced lets the pivot be acted on.
func (r *run) announced() {
	if !r.s.Pivoted.IsZero() && !r.s.Announced && !r.s.Phase.Final() && !r.s.Phase.beforePivot() {
		r.record(Entry{Kind: KAnnounced})
	}
}
