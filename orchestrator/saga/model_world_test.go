package saga

import (
	"fmt"
	"reflect"
	"time"
)

// system is what a participant really holds. Nothing in it is copied from the core.
type system struct {
	items     int64
	deleted   int64
	suspended bool
	kept      bool // it said that it must keep what it has
}

// worker holds a permit, and acts on it as long as it believes it alive.
type worker struct {
	claim    Claimed
	grant    Grant
	deadline time.Time // on the true clock, as the worker counts
	prepared bool      // the first half of a suspend was accepted
	acted    bool
	told     bool // a report of it was delivered
	listed   bool // the answer to a cancel or a hold named it
}

// world is the naive oracle.
type world struct {
	t       failer
	draw    func(n int) int
	plan    Plan
	s       State
	now     time.Time     // the wall clock that the core is told
	skew    time.Duration // by which it is ahead of the true clock
	history []Entry
	systems map[string]*system
	workers []*worker
	mail    []ReportReceived
	holds   map[string]Hold
	undo    map[string]string // the first that was sealed
	counted map[string]int64  // by the last look, as it was reported
	unbrake map[string]bool
	waived  map[string]bool
	byHand  map[string]bool // restored by hand, or not suspended
	nonce   int
	steps   int
	chaos   bool
	begun   bool
	busOff  bool
	braked  bool

	pivoted, announced, cancelled bool
	graceTrue                     time.Time // on the true clock
	looks                         int
}

func newWorld(t failer, draw func(int) int) *world {
	w := &world{t: t, draw: draw, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), chaos: true, systems: map[string]*system{}, holds: map[string]Hold{},
		undo: map[string]string{}, counted: map[string]int64{}, unbrake: map[string]bool{}, waived: map[string]bool{}, byHand: map[string]bool{}}
	p := Plan{Name: "model", Attempts: 1 + 7*draw(2), Rounds: 1 + 4*draw(2)}
	p.Quiet, p.Grace = []time.Duration{0, time.Minute}[draw(2)], []time.Duration{0, 0, time.Hour, 7 * 24 * time.Hour}[draw(4)]
	for i := range 1 + draw(4) {
		p.Participants = append(p.Participants, w.spec(i))
	}
	p = p.WithDefaults()
	if draw(4) == 0 {
		p, _ = p.Narrow([]string{p.Participants[draw(len(p.Participants))].Name})
	}
	w.plan = p
	if err := p.Validate(); err != nil {
		t.Fatalf("the model's plan: %v", err)
	}
	for _, spec := range p.Participants {
		w.systems[spec.Name] = &system{items: int64(draw(4))}
	}
	return w
}

func (w *world) spec(i int) Spec {
	s := Spec{Name: fmt.Sprintf("p%d", i), Suspends: w.one(2), Needs: []string{UserID}}
	for j := range i { // edges only to earlier ones: no cycle
		if w.one(2) {
			s.After = append(s.After, fmt.Sprintf("p%d", j))
		}
	}
	switch {
	case i == 0:
		s.Yields = []string{"t0"}
	case w.one(2):
		s.Needs = []string{"t0"}
	}
	if w.one(5) {
		s.Unverified = "cannot count"
	}
	if w.one(6) {
		s.MaxItems = 1
	}
	return s
}

// one is true once in n times.
func (w *world) one(n int) bool { return w.draw(n) == 0 }

func (w *world) trueNow() time.Time { return w.now.Add(-w.skew) }

func (w *world) start() {
	queued := w.one(6)
	w.begun = !queued
	w.input(Requested{Saga: "s", Request: Request{ID: "r", Source: "x", Fingerprint: "f", At: w.now}, Queued: queued,
		Subject: "h", Due: w.now.Add(30 * 24 * time.Hour), Plan: w.plan})
}

// input passes one input through the core, and checks every rule that it touches.
func (w *world) input(in Input) []Effect {
	modelSteps.Add(1)
	w.steps++
	w.foresee(in)
	before := w.s
	s, effects, err := Next(w.plan, w.s, in, w.now)
	if err != nil {
		w.t.Fatalf("%T in %s: %v", in, w.s.Phase, err)
	}
	if w.steps%16 == 0 {
		again, _, _ := Next(w.plan, before, in, w.now)
		w.must("next-is-a-function", reflect.DeepEqual(again, s), "%T", in)
	}
	w.s = s
	if in, ok := in.(Replanned); ok && s.Plan == in.Plan.Digest() {
		w.replanned(in.Plan)
	}
	asks := false
	for _, e := range effects {
		_, ask := e.(AskPivot)
		asks = asks || ask
		w.effect(in, e)
	}
	w.always()
	if asks {
		w.gate()
	}
	return effects
}

// replanned gives those who join the plan a system with something of the person in it.
func (w *world) replanned(p Plan) {
	w.plan = p
	for _, spec := range p.Participants {
		if w.systems[spec.Name] == nil {
			w.systems[spec.Name] = &system{items: 2}
		}
	}
}

// foresee notes what an input makes true in the world.
func (w *world) foresee(in Input) {
	for id, h := range w.holds {
		if !h.Until.IsZero() && !w.now.Before(h.Until) {
			delete(w.holds, id)
		}
	}
	switch in := in.(type) {
	case HoldPlaced:
		w.holds[in.Hold.ID] = in.Hold
	case HoldReleased:
		delete(w.holds, in.ID)
	case Begin:
		w.begun = true
	}
}

// gate answers the core's question as the shell does: clocks that disagree let nobody pass.
func (w *world) gate() {
	switch {
	case w.chaos && w.one(8): // the answer is lost
	case w.braked || w.skew != 0:
		w.input(Braked{Reason: "the ceiling, or the clock"})
	default:
		w.input(Cleared{})
		if !w.busOff {
			w.input(Announced{})
		}
	}
}

// heldAt tells whether a hold lies on a participant's share.
func (w *world) heldAt(name string) bool {
	for _, h := range w.holds {
		if h.Participant == "" || h.Participant == name {
			return true
		}
	}
	return false
}

func (w *world) subjectHeld() bool { return w.heldAt("") }
