package participants

import (
	"time"

	"github.com/expunge-io/expunge/events"
)

// Hooks are called as things happen, for metrics: from several goroutines at once, and
// only with values of closed sets. A hook that is nil is not called; a hook must not block.
type Hooks struct {
	Doorbell func(v events.Verb, became Answer)                                                        // a command was acked or nacked
	Step     func(v events.Verb, became events.Verdict, class events.FailureClass, took time.Duration) // a permit was acted on; class: of a failure
	Renewal  func(v events.Verb, became Answer)                                                        // a permit was to be prolonged
	Report   func(v events.Verb, became events.Outcome)                                                // a report was received; empty: it was given up
}

// Other stands in hooks for a verb that is none of the contract.
const Other events.Verb = "other"

// Answer is what became of a doorbell or of a renewal.
type Answer string

// The answers, a closed set.
const (
	Granted    Answer = "granted"
	Declined   Answer = "refused"    // a refusal, or a problem that asking again does not mend
	Duplicate  Answer = "duplicate"  // this process is at this step already
	Malformed  Answer = "malformed"  // not a command
	Foreign    Answer = "foreign"    // a command of another participant
	NoSlot     Answer = "no_slot"    // every slot is taken
	Unanswered Answer = "unanswered" // nobody answered the claim
	Stopping   Answer = "stopping"
)

// again reports whether a doorbell must come back.
func (a Answer) again() bool {
	switch a {
	case NoSlot, Unanswered, Stopping:
		return true
	case Granted, Declined, Duplicate, Malformed, Foreign:
		return false
	}
	return true
}

func (h Hooks) doorbell(v events.Verb, became Answer) {
	if h.Doorbell != nil {
		h.Doorbell(known(v), became)
	}
}

func (h Hooks) step(v events.Verb, r events.Report, took time.Duration) {
	if h.Step != nil {
		h.Step(known(v), r.Verdict, r.Class, took)
	}
}

func (h Hooks) renewal(v events.Verb, became Answer) {
	if h.Renewal != nil {
		h.Renewal(known(v), became)
	}
}

func (h Hooks) report(v events.Verb, became events.Outcome) {
	if h.Report != nil {
		h.Report(known(v), became)
	}
}

// known keeps a verb out of a label that is none of the closed set.
func known(v events.Verb) events.Verb {
	switch v {
	case events.Resolve, events.Suspend, events.Restore, events.Erase, events.Verify:
		return v
	}
	return Other
}
