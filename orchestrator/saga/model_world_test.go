package saga

import (
	"fmt"
	"reflect"
	"time"
)

// thing is one of the person's, as a participant holds it.
type thing struct {
	ref  string
	user string
	made time.Time // on the true clock
	born int       // the step at which it came to be
}

// system is what a participant really holds. Nothing in it is copied from the core.
type system struct {
	things    []thing
	deleted   int
	lookedFor string // whom the last look was for
	looked    int    // the step at which the last look that was taken was made
	counted   int    // the same of the last count
	suspended bool
	kept      bool // it said that it must keep what it has
}

// worker holds a permit, and acts on it as long as it believes it alive.
type worker struct {
	claim    Claimed
	grant    Grant
	task     task
	deadline time.Time // on the true clock, as the worker counts
	prepared bool      // the first half of a suspend was accepted
	acted    bool
	told     bool // a report of it was delivered
	listed   bool // the answer to a cancel or a hold named it
}

// world is the naive oracle.
type world struct {
	t        failer
	draw     func(n int) int
	plan     Plan
	s        State
	now      time.Time     // the wall clock that the core is told
	skew     time.Duration // by which it is ahead of the true clock
	history  []Entry
	systems  map[string]*system
	workers  []*worker
	mail     []ReportReceived
	base     Plan    // as it is configured
	asked    []*want // the requests that were admitted
	values   map[string]bool
	acts     map[PermitID]int   // the step at which it was acted on
	later    map[PermitID]int64 // what its holder left, as made too late
	leaves   map[string]int64   // the same by participant, of the report that closed its erase
	holds    map[string]Hold
	undo     map[string]string // the first that was sealed
	counted  map[string]int64  // by the last look, as it was reported
	unbrake  map[string]bool
	waived   map[string]bool
	byHand   map[string]bool // restored by hand, or not suspended
	nonce    int
	steps    int
	lingered int
	chaos    bool
	begun    bool
	busOff   bool
	braked   bool

	pivoted, announced, cancelled bool
	decided, ended                bool      // told from the bus: the pivot; the end
	doubtful                      bool      // an operator must look
	unlooked                      bool      // suspended, or waited, since the last look began
	graceTrue                     time.Time // on the true clock

	unbound      bool // the first request brings an attribute alone
	boundTo      string
	operatorSaid string
	gave         map[PermitID]string // the user id that a permit had
	said         map[string]bool     // the users that were named
	taken        bool                // that user has another saga
	vouched      bool                // somebody but the request says that its attribute is the user\'s
	doubted      string              // the last doubt

	known map[Identifier]bool // what was said of the person, by type and value; true: by the request
	lost  map[Identifier]bool // whose values went with a box, and that nobody said since
	told  map[Identifier]bool // of those: what the doubt that stands says of them

	forgone map[Identifier]bool // an operator has looked, and goes on without them
}

func newWorld(t failer, draw func(int) int) *world {
	w := &world{t: t, draw: draw, acts: map[PermitID]int{}, later: map[PermitID]int64{}, leaves: map[string]int64{}, values: map[string]bool{}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), chaos: true, systems: map[string]*system{}, holds: map[string]Hold{},
		undo: map[string]string{}, counted: map[string]int64{}, unbrake: map[string]bool{}, waived: map[string]bool{}, byHand: map[string]bool{}, said: map[string]bool{}, gave: map[PermitID]string{}, known: map[Identifier]bool{}, lost: map[Identifier]bool{}, told: map[Identifier]bool{}, forgone: map[Identifier]bool{}}
	p := Plan{Name: "model", Attempts: 1 + 7*draw(2), Rounds: 1 + 4*draw(2)}
	p.Quiet, p.Grace = []time.Duration{0, time.Minute}[draw(2)], []time.Duration{0, 0, time.Hour, 7 * 24 * time.Hour}[draw(4)]
	for i := range 1 + draw(4) {
		p.Participants = append(p.Participants, w.spec(i))
	}
	w.finders(&p)
	if w.one(2) {
		p.Single = []string{"t0"}
	}
	w.base = p.WithDefaults()
	w.plan = w.base
	if w.one(4) {
		w.plan = w.narrowed()
	}
	if err := w.plan.Validate(); err != nil {
		t.Fatalf("the model's plan: %v", err)
	}
	for _, spec := range w.base.Participants {
		w.systems[spec.Name] = w.system(w.draw(4))
	}
	return w
}

// system is one with so many things in it.
func (w *world) system(n int) *system {
	y := &system{}
	for range n {
		w.bear(y, w.trueNow())
	}
	return y
}

func (w *world) bear(y *system, made time.Time) {
	user := "u"
	if w.one(4) {
		user = "v"
	}
	y.things = append(y.things, thing{ref: refs[w.draw(len(refs))], user: user, made: made, born: w.steps})
}

var refs = []string{"0", "1", "2"}

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
		if w.one(2) { // what it says by an attribute alone may be of anybody
			s.Yields = []string{"t1"}
		}
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
	in := w.request(w.plan)
	in.Saga, in.Subject, in.Queued, in.Unbound = "s", "h", w.one(6), w.unbound
	if !w.unbound {
		w.said[w.boundTo] = true
	}
	in.Due = w.now.Add(30 * 24 * time.Hour)
	w.begun = !in.Queued
	w.input(in)
}

// input passes one input through the core, and checks every rule that it touches.
func (w *world) input(in Input) []Effect {
	w.steps++
	w.foresee(in)
	before := w.s
	s, effects, err := Next(w.plan, w.s, in, w.now)
	if err != nil {
		w.t.Fatalf("%T in %s: %v", in, w.s.Phase, err)
	}
	if w.steps%64 == 0 {
		again, _, _ := Next(w.plan, before, in, w.now)
		w.must("next-is-a-function", reflect.DeepEqual(again, s), "%T", in)
	}
	w.s = s
	asks, whom := false, ""
	for _, e := range effects {
		if who, ok := e.(AskSubject); ok {
			whom = who.User
		}
		_, ask := e.(AskPivot)
		asks = asks || ask
		w.effect(in, e)
	}
	w.answered(in, effects)
	w.always()
	if whom != "" {
		w.bind(whom)
	}
	if asks {
		w.gate()
	}
	return effects
}

// replanned goes on under another plan.
func (w *world) replanned(p Plan) {
	w.plan = p
	w.populate(p)
}

// populate gives those who are new a system with something of the person in it.
func (w *world) populate(p Plan) {
	for _, spec := range p.Participants {
		if w.systems[spec.Name] == nil {
			w.systems[spec.Name] = w.system(2)
			for i := range w.systems[spec.Name].things {
				w.systems[spec.Name].things[i].born = 0 // it was always there
			}
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
	case Doubted:
		w.doubtful = w.doubtful || w.open()
	case Decided:
		w.foreseeDecided(in)
	}
}

// open reports whether the erasure can still be called off.
func (w *world) open() bool {
	return !w.pivoted && !w.decided && !w.cancelled && !w.s.Phase.Final()
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
