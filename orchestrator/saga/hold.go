package saga

import (
	"slices"
	"time"
)

// Hold is a legal hold on the saga's subject, or on one participant's share of it.
type Hold struct {
	ID          string    `json:"id"`
	Participant string    `json:"participant,omitempty"` // empty: the whole subject
	Ground      string    `json:"ground"`
	By          string    `json:"by"`
	At          time.Time `json:"at"`
	Until       time.Time `json:"until,omitzero"` // zero: until it is released
}

// Held returns the hold that keeps a participant's share from being erased, or nil. With
// an empty name, the hold that keeps the whole saga from its pivot.
func (s *State) Held(participant string) *Hold {
	for i := range s.Holds {
		if h := &s.Holds[i]; h.Participant == "" || h.Participant == participant {
			return h
		}
	}
	return nil
}

// held places a hold, and says who may still act on a permit that was given before.
func (r *run) held(in HoldPlaced) {
	if r.s.Phase.Final() {
		r.emit(HoldAnswer{})
		return
	}
	hold := in.Hold
	hold.At, hold.Until = hold.At.UTC().Round(0), hold.Until.UTC().Round(0)
	if i := slices.IndexFunc(r.s.Holds, func(h Hold) bool { return h == hold }); i < 0 {
		r.record(Entry{Kind: KHeld, Hold: &hold})
		r.emit(Emit{Kind: EventHeld, Participant: hold.Participant, Reason: hold.Ground, Hold: &hold})
		r.waitHeld()
		r.endHolds() // one that came late may be over
	}
	r.emit(HoldAnswer{Alive: r.s.Alive(r.now)})
}

// waitHeld takes the doorbells back that must not be answered under a hold.
func (r *run) waitHeld() {
	for i := range r.s.Shares {
		h := &r.s.Shares[i]
		if h.Erase.Status == Open && r.s.Held(h.Name) != nil {
			r.record(Entry{Kind: KWaits, Participant: h.Name, Verb: Erase, Round: h.Erase.Round, Reason: "held"})
		}
	}
}

// released lifts a hold; what waited for it goes on by itself.
func (r *run) released(in HoldReleased) {
	i := slices.IndexFunc(r.s.Holds, func(h Hold) bool { return h.ID == in.ID })
	switch {
	case i < 0 || r.s.Phase.Final():
		r.emit(OperatorAnswer{"the saga is not under this hold"})
	default:
		r.release(r.s.Holds[i], in.By, in.Ground)
		r.emit(OperatorAnswer{})
	}
}

func (r *run) release(h Hold, by, ground string) {
	r.record(Entry{Kind: KReleased, Reason: h.ID, By: by, Ground: ground})
	r.emit(Emit{Kind: EventReleased, Participant: h.Participant, Reason: ground, Hold: &h})
}

// endHolds releases the holds whose time is over.
func (r *run) endHolds() {
	for _, h := range slices.Clone(r.s.Holds) {
		if !h.Until.IsZero() && !r.now.Before(h.Until) {
			r.release(h, "", "its time is over")
		}
	}
}

// Alive returns the permits that somebody may still act on, but for those that only read.
func (s *State) Alive(now time.Time) (out []Live) {
	s.each(func(h *Share, v Verb, t *Step) {
		if v == Resolve || v == Verify {
			return
		}
		for _, q := range t.Permits {
			if q.live(now) {
				out = append(out, Live{Participant: h.Name, Verb: v, Until: q.Dead})
			}
		}
	})
	return out
}
