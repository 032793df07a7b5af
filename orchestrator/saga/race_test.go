package saga

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestCancelAgainstPivot lets a cancel race the pivot, with the end of the grace, a silent
// bus, a restart and permits to suspend that are alive around it. What the cancel was
// answered is what the ledgers of the systems show in the end.
func TestCancelAgainstPivot(t *testing.T) {
	races, err := strconv.ParseUint(os.Getenv("EXPUNGE_MODEL_RACES"), 10, 64)
	if err != nil {
		races = 500
	}
	base := seed(t)
	wins := map[CancelResult]int{}
	for n := range races {
		wins[race(seeded{t, base + n}, dice(base+n))]++
	}
	if wins[CancelDone] == 0 || wins[CancelTooLate] == 0 {
		t.Fatalf("no race: %v", wins)
	}
	fmt.Fprintf(os.Stdout, "races %d, disagreements 0, seed %d, %d cancelled, %d too late\n", races, base, wins[CancelDone], wins[CancelTooLate])
}

func race(t failer, draw func(int) int) CancelResult {
	w := newWorld(t, draw)
	p := Plan{Name: "race", Grace: []time.Duration{0, time.Minute}[draw(2)], Participants: []Spec{
		{Name: "account", Suspends: true, After: []string{"sessions"}}, {Name: "sessions", Suspends: w.one(2)}}}
	w.plan, w.chaos = p.WithDefaults(), false
	w.base = w.plan
	w.systems = map[string]*system{"account": w.system(1), "sessions": w.system(3)}
	for _, y := range w.systems {
		for i := range y.things {
			y.things[i].user = "u"
		}
	}
	w.begun, w.unbound, w.boundTo = true, false, "u"
	in := w.request(w.plan)
	in.Saga, in.Subject = "s", "h"
	w.input(in)
	for n := w.draw(5); n > 0 && !w.pivoted; n-- {
		w.turn()
	}
	answer := CancelResult("")
	for at, n := w.draw(12), 0; answer == ""; n++ {
		if n == at {
			answer = w.cancelNow()
			break
		}
		w.around()
	}
	for range w.draw(12) {
		if !w.s.Phase.Final() {
			w.around()
		}
	}
	w.drain()
	w.agree(answer)
	return answer
}

// turn lets everybody do what is open, and time pass.
func (w *world) turn() {
	for _, h := range w.s.Clone().Shares {
		for _, v := range Verbs {
			w.serve(h.Name, v)
		}
	}
	if at, ok := w.s.Wake(w.plan, w.now); ok {
		w.pass(at.Sub(w.now))
	}
}

// around is one thing that happens near a pivot.
func (w *world) around() {
	w.chaos = true
	defer func() { w.chaos = false }()
	switch w.draw(8) {
	case 0, 1:
		w.claimSome()
	case 2:
		w.actSome()
	case 3:
		w.deliverSome()
	case 4:
		w.pass([]time.Duration{time.Second, time.Minute, 70 * time.Second}[w.draw(3)])
	case 5:
		if w.busOff = !w.busOff; !w.busOff {
			w.input(Announced{})
		}
	case 6:
		w.input(Recovered{})
	case 7:
		w.chaos = false
		w.turn()
	}
}

func (w *world) cancelNow() CancelResult {
	q := w.asked[0].in.Request
	return w.cancel(CancelRequested{Request: q.ID, Source: q.Source})
}

// agree compares an answer with the ledgers.
func (w *world) agree(answer CancelResult) {
	w.must("cancel-xor-pivot", (answer == CancelDone) != w.pivoted && (answer == CancelDone || answer == CancelTooLate), "answered %s, pivoted %v", answer, w.pivoted)
	for name, y := range w.systems {
		switch {
		case answer == CancelDone:
			w.must("answer-is-the-ledger", y.deleted == 0 && !y.suspended && w.s.Phase == Cancelled, "%s: cancelled, %d deleted, suspended %v, %s", name, y.deleted, y.suspended, w.s.Phase)
		case !y.kept:
			left := slices.ContainsFunc(y.things, func(x thing) bool { return x.user == w.boundTo && x.born <= y.counted }) // what came after the last count is nobody's fault
			w.must("answer-is-the-ledger", !left, "%s: too late, and something is left of what was there at the last count", name)
		}
	}
}
