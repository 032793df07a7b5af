package saga

import (
	"fmt"
	"slices"
	"time"
)

// random does one of the things that can happen to a saga.
func (w *world) random() {
	switch w.draw(16) {
	case 0, 1, 2, 3, 4:
		w.claimSome()
	case 5, 6, 7:
		w.actSome()
	case 8, 9, 10:
		w.deliverSome()
	case 11:
		w.pass([]time.Duration{time.Second, 20 * time.Second, 70 * time.Second, time.Hour, 63 * time.Hour}[w.draw(5)])
	case 12:
		w.input(Recovered{})
	case 13:
		w.born()
	case 14:
		w.shell()
	case 15:
		w.person()
	}
}

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.input(Woke{})
}

// born: a person who is not suspended yet goes on living; and what is under way elsewhere,
// in a queue or a cache, writes back what was erased.
func (w *world) born() {
	y := w.systems[w.someone()]
	switch {
	case !w.pivoted && len(y.things) > 0 && !y.suspended:
		w.bear(y, w.trueNow())
	case w.pivoted && w.one(3):
		w.bear(y, []time.Time{w.trueNow(), w.s.Started.Add(-time.Hour)}[w.draw(2)])
	}
}

func (w *world) someone() string { return w.s.Shares[w.draw(len(w.s.Shares))].Name }

// shell does what the machinery around a saga does to it.
func (w *world) shell() {
	switch w.draw(10) {
	case 0:
		w.busOff = !w.busOff
		if !w.busOff {
			w.input(Announced{})
		}
	case 1:
		w.braked = !w.braked
		w.taken = w.unbound && w.one(2)
	case 2:
		w.input(Begin{})
	case 3:
		w.replan()
	case 4:
		w.input(Doubted{Reason: "look"})
	case 5:
		w.box()
	case 6, 7:
		w.clock()
	case 8, 9:
		w.decide()
	}
}

// clock sets the wall clock ahead, or back to the truth. Workers whose lives it ended early
// are gone: nobody can protect against a clock and a frozen process at once.
func (w *world) clock() {
	if w.skew == 0 && w.one(2) {
		w.skew, w.workers = 10*24*time.Hour, nil
		w.now = w.now.Add(w.skew)
	} else {
		w.now, w.skew = w.now.Add(-w.skew), 0
	}
	w.input(Woke{})
}

// person does what sources and operators do.
func (w *world) person() {
	name := w.someone()
	if w.unbound && w.one(4) {
		w.sayWhom()
		return
	}
	switch w.draw(10) {
	case 0:
		w.cancelSome()
	case 1, 2:
		h := Hold{ID: fmt.Sprintf("h%d", w.draw(3)), Participant: []string{"", name}[w.draw(2)], Ground: "case", By: "ada", At: w.now}
		if w.one(2) {
			h.Until = w.now.Add(time.Hour)
		}
		w.input(HoldPlaced{h})
	case 3:
		w.input(HoldReleased{ID: fmt.Sprintf("h%d", w.draw(3)), By: "ada", Ground: "over"})
	case 4:
		if w.one(3) {
			w.input(Waive{Participant: name, Verb: []Verb{Erase, Suspend, Restore}[w.draw(3)], By: "ada", Ground: "ticket"})
		}
	case 5:
		w.input(Retry{Participant: name, Verb: Verbs[w.draw(len(Verbs))], By: "ada", Ground: "mended"})
	case 6:
		w.input(Resume{By: "ada", Ground: "looked"})
	case 7:
		w.input(Unbrake{Participant: name, By: "ada", Ground: "looked"})
	case 8:
		w.input(Extend{Until: w.s.Due.Add(time.Hour), By: "ada", Ground: "many"})
	case 9:
		w.askAgain()
	}
}

// claimSome claims a random step, mostly an open one, as a doorbell may ring late.
func (w *world) claimSome() {
	var open []Claimed
	w.s.each(func(h *Share, v Verb, t *Step) {
		if t.Status == Open || w.one(6) {
			open = append(open, Claimed{Participant: h.Name, Verb: v, Round: t.Round - w.draw(8)/7})
		}
	})
	if len(open) == 0 {
		return
	}
	c := open[w.draw(len(open))]
	c.Instance = fmt.Sprintf("w%d", w.draw(2))
	if w.one(4) && len(w.workers) > 0 { // a renewal
		k := w.workers[w.draw(len(w.workers))]
		c = k.claim
		c.Permit = k.grant.Permit
	}
	w.claim(c)
}

func (w *world) claim(c Claimed) {
	w.nonce++
	c.Fresh = PermitID(fmt.Sprintf("n%d", w.nonce))
	for _, e := range w.input(c) {
		g, ok := e.(Grant)
		if !ok || w.chaos && w.one(6) { // the answer is lost
			continue
		}
		deadline := w.trueNow().Add(g.Life)
		if k := w.worker(g.Permit); k != nil {
			k.deadline = deadline
			continue
		}
		c.Permit = ""
		task := w.task(c.Participant)
		if !slices.Contains(g.Needs, UserID) {
			task.user = ""
		}
		w.must("user-id-once-bound", task.user == w.boundTo || task.user == "" && c.Verb == Resolve, "a permit for %q, and it is about %q", task.user, w.boundTo)
		w.gave[g.Permit] = task.user
		w.workers = append(w.workers, &worker{claim: c, grant: g, deadline: deadline, task: task})
	}
}

func (w *world) worker(id PermitID) *worker {
	for _, k := range w.workers {
		if k.grant.Permit == id {
			return k
		}
	}
	return nil
}

// actSome lets a worker act on its permit, or die, or be frozen and act late.
func (w *world) actSome() {
	if len(w.workers) == 0 {
		return
	}
	w.actAs(w.workers[w.draw(len(w.workers))])
}

func (w *world) actAs(k *worker) {
	frozen := w.late()
	if k.prepared {
		frozen = 23 * time.Hour
	}
	late := !w.trueNow().Before(k.deadline)
	if k.acted || w.trueNow().After(k.deadline.Add(frozen)) || late && k.claim.Verb == Suspend && !k.prepared {
		return
	}
	if rep, ok := w.act(k); ok && (late || !w.one(5)) { // or it dies before its report
		w.mail = append(w.mail, rep)
		if late {
			w.deliver(len(w.mail)-1, false)
		}
	}
}

// late is how long after its permit's end a worker's last call may arrive.
func (w *world) late() time.Duration { return w.plan.Margin - time.Second }

// deliverSome delivers reports in any order, some twice.
func (w *world) deliverSome() {
	if len(w.mail) > 0 {
		w.deliver(w.draw(len(w.mail)), w.one(4))
	}
}

func (w *world) deliver(i int, again bool) {
	rep := w.mail[i]
	if !again {
		w.mail = append(w.mail[:i:i], w.mail[i+1:]...)
	}
	k := w.worker(rep.Permit)
	if k != nil {
		k.told = true // the end may come with this very report
	}
	for _, e := range w.input(rep) {
		if r, ok := e.(Receive); ok && r.Outcome == Rejected && k != nil {
			k.told = false
		}
	}
}
