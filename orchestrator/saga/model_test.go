package saga

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is what the model believes: the systems that hold the person's items, written as
// naively as possible and without a look at the core's state.
type world struct {
	t        *rapid.T
	plan     Plan
	s        State
	now      time.Time
	history  []Entry
	items    map[string]int64         // what each system really holds
	baseline map[string]int64         // what was there at the start
	deleted  map[string]int64         // effective deletions
	mail     []ReportReceived         // reports under way, in any order
	out      map[PermitID]*heldPermit // permits that a worker believes it may act on
	alive    map[string]PermitID      // participant/verb -> permit that was granted last
	nonce    int
	pivoted  bool
	chaos    bool
}

type heldPermit struct {
	claim    Claimed
	grant    Grant
	deadline time.Time // as the worker counts it
	acted    bool
}

// TestModel drives random sagas through random faults and holds the core to its promises.
// Each rule is a named check below.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.start()
		w.chaos = true
		for n := rapid.IntRange(5, 60).Draw(t, "steps"); n > 0 && !w.s.Phase.Final(); n-- {
			w.random()
		}
		w.chaos = false
		w.drain()
	})
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), items: map[string]int64{}, baseline: map[string]int64{},
		deleted: map[string]int64{}, out: map[PermitID]*heldPermit{}, alive: map[string]PermitID{}}
	n := rapid.IntRange(1, 4).Draw(t, "participants")
	p := Plan{Name: "model", Attempts: 50, Rounds: 50}
	if rapid.Bool().Draw(t, "quiet") {
		p.Quiet = time.Minute
	}
	for i := range n {
		spec := Spec{Name: fmt.Sprintf("p%d", i)}
		for j := range i { // edges only to earlier ones: no cycle
			if rapid.Bool().Draw(t, "after") {
				spec.After = append(spec.After, fmt.Sprintf("p%d", j))
			}
		}
		if i > 0 && rapid.Bool().Draw(t, "needs") {
			spec.Needs = []string{"t0"}
		}
		if rapid.IntRange(0, 4).Draw(t, "unverified") == 0 {
			spec.Unverified = "cannot count"
		}
		if i == 0 {
			spec.Yields = []string{"t0"}
		}
		p.Participants = append(p.Participants, spec)
		w.items[spec.Name] = int64(rapid.IntRange(0, 3).Draw(t, "items"))
		w.baseline[spec.Name] = w.items[spec.Name]
	}
	w.plan = p.WithDefaults()
	if err := w.plan.Validate(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) start() {
	w.input(Requested{Saga: "s", Request: Request{ID: "r", Source: "x", Fingerprint: "f", At: w.now},
		Subject: "h", Due: w.now.Add(30 * 24 * time.Hour), Plan: w.plan})
}

// input passes one input through the core and checks what holds after each.
func (w *world) input(in Input) []Effect {
	before := w.s
	s, effects, err := Next(w.plan, w.s, in, w.now)
	if err != nil {
		w.t.Fatalf("%T: %v", in, err)
	}
	if again, _, _ := Next(w.plan, w.s, in, w.now); !reflect.DeepEqual(again, s) || !reflect.DeepEqual(before, w.s) {
		w.t.Fatalf("Next is not a function")
	}
	w.s = s
	asks := false
	for _, e := range effects {
		switch e := e.(type) {
		case Record:
			w.history = append(w.history, e.Entry)
			w.checkEntry(e.Entry)
		case Finish:
			w.checkFinish()
		case AskPivot:
			asks = true
		}
	}
	folded, err := Fold(w.history)
	if err != nil || !reflect.DeepEqual(folded, w.s) {
		w.t.Fatalf("fold(history) is not the state: %v", err)
	}
	w.checkWake()
	if asks {
		w.input(Cleared{})
		w.input(Announced{})
	}
	return effects
}

// checkWake: a running saga always has a next wake-up, and waking never spins.
func (w *world) checkWake() {
	at, ok := w.s.Wake(w.plan, w.now)
	if ok == w.s.Phase.Final() {
		w.t.Fatalf("wake %v in phase %s", ok, w.s.Phase)
	}
	if ok && !at.After(w.now) {
		w.t.Fatalf("wake-up %s ago: it would spin", w.now.Sub(at))
	}
}

// checkEntry: no effect before the pivot, none out of order, one live permit at a time.
func (w *world) checkEntry(e Entry) {
	switch e.Kind {
	case KPhase:
		w.pivoted = w.pivoted || e.Phase == Erasing
	case KGranted:
		if e.Verb == Erase {
			w.checkEraseGrant(e)
		}
		key := e.Participant + "/" + string(e.Verb)
		if old := w.out[w.alive[key]]; old != nil && old.claim.Round == e.Round && w.now.Before(old.deadline) && w.unreported(old) {
			w.t.Fatalf("two live permits on %s", key)
		}
		w.alive[key] = e.Permit
	}
}

// unreported asks the history, not the state, whether a permit was reported.
func (w *world) unreported(p *heldPermit) bool {
	for _, e := range w.history {
		if e.Permit == p.grant.Permit && (e.Kind == KReported || e.Kind == KFailed || e.Kind == KNoted) {
			return false
		}
	}
	return true
}

func (w *world) checkEraseGrant(e Entry) {
	if !w.pivoted {
		w.t.Fatalf("erase granted before the pivot")
	}
	spec, _ := w.plan.Spec(e.Participant)
	for _, a := range spec.After {
		if !w.settledInHistory(a) {
			w.t.Fatalf("%s erases before %s is gone", e.Participant, a)
		}
	}
}

// settledInHistory: the last thing said of the predecessor's erase is that it is gone.
func (w *world) settledInHistory(name string) (ok bool) {
	spec, _ := w.plan.Spec(name)
	for _, e := range w.history {
		if e.Participant != name || e.Verb != Erase {
			continue
		}
		switch e.Kind {
		case KReported:
			ok = spec.Unverified != "" || (e.Remaining != nil && *e.Remaining == 0)
		case KReopened:
			// A share that came back opens anew; what waited for it may already run.
		}
	}
	return ok
}

// checkFinish: completed means that everybody is at zero, and was counted.
func (w *world) checkFinish() {
	switch w.s.Phase {
	case Completed:
		for _, spec := range w.plan.Participants {
			if spec.Unverified != "" {
				w.t.Fatalf("completed with %s never counted", spec.Name)
			}
			if w.items[spec.Name] != 0 {
				w.t.Fatalf("completed with %d items at %s", w.items[spec.Name], spec.Name)
			}
		}
	case CompletedWithExceptions:
		for _, spec := range w.plan.Participants {
			if w.items[spec.Name] != 0 {
				w.t.Fatalf("ended with %d items at %s", w.items[spec.Name], spec.Name)
			}
		}
	case NotFound:
		for name, n := range w.items {
			if n != 0 {
				w.t.Fatalf("not found with %d items at %s", n, name)
			}
		}
	case Cancelled:
		if w.pivoted {
			w.t.Fatalf("cancelled after the pivot")
		}
		for name, n := range w.deleted {
			if n != 0 {
				w.t.Fatalf("cancelled, and %d deleted at %s", n, name)
			}
		}
	default:
		w.t.Fatalf("finished in phase %s", w.s.Phase)
	}
}

// random does one of the things that can happen.
func (w *world) random() {
	switch rapid.IntRange(0, 9).Draw(w.t, "what") {
	case 0, 1, 2:
		w.claimSome()
	case 3, 4:
		w.actSome()
	case 5, 6:
		w.deliverSome()
	case 7:
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(w.t, "seconds")) * time.Second)
		w.input(Woke{})
	case 8:
		if rapid.IntRange(0, 9).Draw(w.t, "cancel") == 0 {
			w.input(CancelRequested{Request: "r", Source: "x"})
			return
		}
		w.input(Recovered{})
	case 9:
		w.input(Requested{Saga: "other", Request: Request{ID: "r2", Source: "x", Fingerprint: "f"}, Due: w.now, Plan: w.plan})
	}
}

// claimSome claims a random step of a random round, as a doorbell may ring late.
func (w *world) claimSome() {
	h := &w.s.Shares[rapid.IntRange(0, len(w.s.Shares)-1).Draw(w.t, "share")]
	v := []Verb{Resolve, Erase, Verify}[rapid.IntRange(0, 2).Draw(w.t, "verb")]
	round := h.Step(v).Round - rapid.IntRange(0, 1).Draw(w.t, "older")
	w.claim(h.Name, v, round, fmt.Sprintf("w%d", rapid.IntRange(0, 1).Draw(w.t, "worker")))
}

func (w *world) claim(name string, v Verb, round int, worker string) {
	w.nonce++
	c := Claimed{Participant: name, Verb: v, Round: round, Instance: worker, Fresh: PermitID(fmt.Sprintf("n%d", w.nonce))}
	for _, e := range w.input(c) {
		if g, ok := e.(Grant); ok && (!w.chaos || rapid.IntRange(0, 5).Draw(w.t, "lost answer") > 0) {
			w.out[g.Permit] = &heldPermit{claim: c, grant: g, deadline: w.now.Add(g.Life)}
		}
	}
}

// actSome lets a worker act on a permit that it believes alive, and maybe die after.
func (w *world) actSome() {
	for _, id := range w.held() {
		p := w.out[id]
		if p.acted || !w.now.Before(p.deadline) || (w.chaos && rapid.Bool().Draw(w.t, "later")) {
			continue
		}
		p.acted = true
		rep := w.act(p)
		if !w.chaos || rapid.IntRange(0, 3).Draw(w.t, "dies before its report") > 0 {
			w.mail = append(w.mail, rep)
		}
		return
	}
}

// held returns the permits in a fixed order.
func (w *world) held() (ids []PermitID) {
	for i := 1; i <= w.nonce; i++ {
		if id := PermitID(fmt.Sprintf("n%d", i)); w.out[id] != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// act does the work honestly and says what is true.
func (w *world) act(p *heldPermit) ReportReceived {
	name := p.claim.Participant
	spec, _ := w.plan.Spec(name)
	rep := ReportReceived{Participant: name, Verb: p.claim.Verb, Round: p.grant.Round, Permit: p.grant.Permit}
	if w.chaos && rapid.IntRange(0, 5).Draw(w.t, "fails") == 0 {
		rep.Verdict, rep.Class, rep.Code = Failed, Transient, "down"
		return rep
	}
	left := func() *int64 {
		if spec.Unverified != "" {
			return nil
		}
		n := w.items[name]
		return &n
	}
	switch p.claim.Verb {
	case Resolve:
		rep.Verdict = Absent
		if w.items[name] > 0 {
			rep.Verdict, rep.Counts = Resolved, Counts{"items": w.items[name]}
		}
		if len(spec.Yields) > 0 && w.items[name] > 0 {
			rep.Identifiers = []Identifier{{Type: "t0", Hash: "x"}}
		}
	case Erase:
		n := w.items[name]
		if w.chaos && n > 1 && rapid.IntRange(0, 3).Draw(w.t, "partly") == 0 {
			n--
		}
		w.items[name] -= n
		w.deleted[name] += n
		rep.Verdict, rep.Counts, rep.Remaining = Absent, Counts{"items": n}, left()
		if n > 0 {
			rep.Verdict = Erased
		}
		if w.items[name] > 0 && spec.Unverified != "" { // without a count it must know by itself
			w.deleted[name] += w.items[name]
			w.items[name] = 0
		}
	case Verify:
		rep.Verdict, rep.Remaining = Counted, left()
	case Suspend, Restore:
	}
	return rep
}

// deliverSome delivers any report under way, sometimes twice.
func (w *world) deliverSome() {
	if len(w.mail) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.mail)-1).Draw(w.t, "report")
	rep := w.mail[i]
	if !w.chaos || rapid.Bool().Draw(w.t, "once") {
		w.mail = append(w.mail[:i], w.mail[i+1:]...)
	}
	w.input(rep)
}

// drain lets honest workers finish: every saga reaches a final state.
func (w *world) drain() {
	for n := 0; !w.s.Phase.Final(); n++ {
		if n > 400 {
			w.t.Fatalf("never ends: %s, stuck %q", w.s.Phase, w.s.Stuck())
		}
		if len(w.mail) > 0 {
			w.deliverSome()
			continue
		}
		for _, h := range w.s.Clone().Shares {
			for _, v := range Verbs {
				if st := h.Step(v); st.Status == Open && !w.s.Phase.Final() {
					w.claim(h.Name, v, st.Round, "w0")
					w.actSome()
				}
			}
		}
		if len(w.mail) == 0 && !w.s.Phase.Final() {
			at, _ := w.s.Wake(w.plan, w.now)
			w.now = at
			w.input(Woke{})
		}
	}
	w.checkCounts()
}

// checkCounts: nobody claims to have erased more than was there; what is not inferred was
// really deleted.
func (w *world) checkCounts() {
	for _, h := range w.s.Shares {
		if h.Verdict == Erased && h.Counts.Total() > w.baseline[h.Name] {
			w.t.Fatalf("%s erased %d of %d", h.Name, h.Counts.Total(), w.baseline[h.Name])
		}
	}
}
