// Package check judges a run. It knows what the client was told and what the systems saw,
// and nothing of how an erasure works inside.
package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/expunge-io/expunge/torture/record"
)

// Verdict counts violations by what was broken. All zero is what must be.
type Verdict struct {
	Lost           int `json:"lost"`            // acknowledged, and never ended
	Doubled        int `json:"doubled"`         // an effect after the end: on what was made again, or on what had been counted at zero
	FalseCompleted int `json:"false_completed"` // ended as completed or not found, and something is there
	EarlyEffects   int `json:"early_effects"`   // before the pivot, or on people whom nobody asked to erase
	StaleEffects   int `json:"stale_effects"`   // after a cancel was answered, and not by a permit that the answer listed
	HeldEffects    int `json:"held_effects"`    // under a hold that was answered, and not by a permit that the answer listed
	ExtraDigests   int `json:"extra_digests"`   // sagas with more than one summary
	Unrestored     int `json:"unrestored"`      // people who were not erased in the end, and of whom something is gone or changed
	ResidueHits    int `json:"residue_hits"`    // identifiers where none may be
}

// Decisions counts what was decided in a run, so that nobody takes a run without any for
// proof.
type Decisions struct {
	Cancelled int `json:"cancelled"` // sagas whose cancel was answered as done
	TooLate   int `json:"too_late"`  // cancels that came after the pivot
	Holds     int `json:"holds"`     // that were answered
	Queued    int `json:"queued"`    // requests behind a saga past its pivot
}

// Findings is a verdict with its reasons.
type Findings struct {
	Decisions
	Verdict
	Sagas   int
	Unheard int // requests that were lost with a store before the bus had heard of them
	Excused int // effects that an answer had warned of, or of a process that stood still
	Reasons []string
}

// Clean reports whether nothing was broken.
func (v Verdict) Clean() bool { return v == Verdict{} }

// The states of a saga, as the client was told them.
const (
	completed  = "completed"
	exceptions = "completed_with_exceptions"
	notFound   = "not_found"
	cancelled  = "cancelled"
)

const tooLate = "too_late" // how a cancel after the pivot is refused

func beforePivot(state string) bool {
	return state == "resolving" || state == "suspending" || state == "grace" || state == "restoring"
}

// Check finds everything that a run broke.
func Check(r record.Record, l record.Ledger) Findings {
	c := newCase(r, l)
	c.lost()
	c.digests()
	c.people()
	c.deeds()
	c.effects()
	c.holds()
	for _, place := range l.Residue {
		c.add(&c.f.ResidueHits, "residue: %s", place)
	}
	c.f.Sagas = len(c.sagas)
	c.f.Decisions = c.decisions()
	return c.f
}

func (c *evidence) decisions() (d Decisions) {
	for _, t := range c.sagas {
		if !t.called.at.IsZero() {
			d.Cancelled++
		}
	}
	for _, x := range c.record.Cancels {
		if x.Code == tooLate {
			d.TooLate++
		}
	}
	for _, h := range c.record.Holds {
		if !h.Answered.IsZero() {
			d.Holds++
		}
	}
	for _, q := range c.record.Requests {
		if q.Queued {
			d.Queued++
		}
	}
	return d
}

// story is what is known of one saga.
type story struct {
	id     string
	person string
	asked  time.Time            // its first request was sent
	ends   map[string]time.Time // by digest: first told
	state  string               // at its end; empty: none was told
	ended  time.Time            // first told
	called decision             // the first cancel that was answered as done
	before time.Time            // last known to be before the pivot; zero: never
	graced bool                 // it suspends, and waits before its pivot
}

// decision is a cancel, or a hold, as it was answered.
type decision struct {
	at    time.Time // of the answer; zero: none came
	alive []record.Permit
}

func (t *story) erases() bool { return t.state == completed || t.state == exceptions }

type evidence struct {
	record record.Record
	ledger record.Ledger
	sagas  map[string]*story
	of     map[string][]*story // by person
	f      Findings
}

func newCase(r record.Record, l record.Ledger) *evidence {
	c := &evidence{record: r, ledger: l, sagas: map[string]*story{}, of: map[string][]*story{}}
	for _, q := range r.Requests {
		for _, id := range slices.Concat(q.Before, []string{q.Saga}, q.Later) {
			c.tell(id, q)
		}
	}
	for _, e := range r.Ends {
		c.end(e)
	}
	for _, s := range r.Sightings {
		if t := c.sagas[s.Saga]; t != nil && beforePivot(s.State) && s.Asked.After(t.before) {
			t.before = s.Asked
		}
	}
	for _, x := range r.Cancels {
		t := c.sagas[x.Saga]
		if t != nil && x.Result == cancelled && !c.undone(x.Answered, x.Kept) && (t.called.at.IsZero() || x.Answered.Before(t.called.at)) {
			t.called = decision{x.Answered, x.Alive}
		}
	}
	return c
}

// undone reports whether a decision may be undone by a backup: it was made after that was
// taken, and its answer said that only the disk had it.
func (c *evidence) undone(answered time.Time, kept bool) bool {
	return !kept && slices.ContainsFunc(c.record.Restores, func(r record.Restore) bool {
		return answered.After(r.Taken) && answered.Before(r.Gone)
	})
}

func (c *evidence) tell(id string, q record.Request) {
	if id == "" {
		return
	}
	t := c.sagas[id]
	if t == nil {
		t = &story{id: id, person: q.Person, asked: q.Sent, ends: map[string]time.Time{}, graced: true}
		c.sagas[id] = t
		c.of[q.Person] = append(c.of[q.Person], t)
	}
	if q.Sent.Before(t.asked) {
		t.asked = q.Sent
	}
	t.graced = t.graced && q.Plan != "" && q.Plan == c.record.Terms.Graced
}

func (c *evidence) end(e record.End) {
	t := c.sagas[e.Saga]
	if t == nil {
		return // of a request that nobody answered; its effects are looked at by person
	}
	if at, known := t.ends[e.Digest]; !known || e.Told.Before(at) {
		t.ends[e.Digest] = e.Told
	}
	if t.ended.IsZero() || e.Told.Before(t.ended) {
		t.ended, t.state = e.Told, e.State
	}
}

func (c *evidence) add(n *int, format string, args ...any) {
	*n++
	c.f.Reasons = append(c.f.Reasons, fmt.Sprintf(format, args...))
}

// lost: an acknowledged request leads to a saga with an end, and is known when it is asked
// again; or somebody was told that it is to be sent again.
func (c *evidence) lost() {
	for _, q := range c.record.Requests {
		if q.Acked.IsZero() {
			continue
		}
		t := c.sagas[q.Saga]
		anew := q.Forgot || len(q.Later) > 0
		if len(q.Later) > 0 {
			t = c.sagas[q.Later[len(q.Later)-1]]
		}
		switch {
		case q.Saga == "":
			c.add(&c.f.Lost, "lost: request %s was acknowledged, and nobody knows it", q.Key)
		case anew && !c.fulfilled(q) && !c.named(q):
			c.add(&c.f.Lost, "lost: request %s was acknowledged for saga %s, and taken for a new one when it was asked again: %v", q.Key, q.Saga, q.Later)
		case t.state == "" && !(c.calledOff(q) && c.named(q)): // that one nobody sends again
			c.add(&c.f.Lost, "lost: saga %s of request %s never ended", t.id, q.Key)
		}
	}
}

// fulfilled reports whether an earlier saga of a request had ended, and said so on the bus: it is
// not wanted a second time, and a store that was put back need not know it.
func (c *evidence) fulfilled(q record.Request) bool {
	return slices.ContainsFunc(q.Before, func(id string) bool { return c.sagas[id].state != "" })
}

func (c *evidence) calledOff(q record.Request) bool {
	return slices.ContainsFunc(c.record.Cancels, func(x record.Cancel) bool { return x.Request == q.ID && x.Result != "" })
}

// named reports whether a backup was put back that is older than a request, and whoever did
// so was told. Of a request that was answered when the bus had not yet heard of it nobody
// can be told.
func (c *evidence) named(q record.Request) bool {
	for _, r := range c.record.Restores {
		switch {
		case !r.Loses(q):
		case r.Names(q):
			return true
		case !q.Told:
			c.f.Unheard++
			return true
		}
	}
	return false
}

func (c *evidence) digests() {
	for _, id := range sorted(c.sagas) {
		if n := len(c.sagas[id].ends); n > 1 {
			c.add(&c.f.ExtraDigests, "extra digest: saga %s has %d different summaries", id, n)
		}
	}
}

// people: who was erased has nothing left, and who was not has everything, as it was.
func (c *evidence) people() {
	for _, p := range c.ledger.People {
		for _, t := range c.of[p.ID] {
			known := t.state == notFound && !c.erasedBefore(p.ID, t)
			if p.Left > 0 && (t.erases() || known) {
				c.add(&c.f.FalseCompleted, "false completed: saga %s ended as %s, and %d items are left", t.id, t.state, p.Left)
			}
		}
		if c.spared(p.ID) && p.Whole != p.Items {
			c.add(&c.f.Unrestored, "unrestored: of %d items of %s only %d are as they were", p.Items, c.name(p.ID), p.Whole)
		}
	}
}

// spared reports whether nobody erases a person in the end: each of their requests was
// cancelled, or there was none. Of another saga without an end nobody knows.
func (c *evidence) spared(person string) bool {
	for _, t := range c.of[person] {
		if t.state != cancelled && !c.vanished(t) {
			return false
		}
	}
	return !slices.ContainsFunc(c.record.Requests, func(q record.Request) bool { return q.Person == person && q.Saga == "" })
}

// erasedBefore reports whether another saga may have left nothing to be found.
func (c *evidence) erasedBefore(person string, t *story) bool {
	return slices.ContainsFunc(c.of[person], func(o *story) bool { return o != t && o.erases() })
}

func sorted(m map[string]*story) (ids []string) {
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
