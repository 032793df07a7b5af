package main

import (
	"fmt"
	"io"

	"github.com/expunge-io/expunge/events"
)

// showDecision says what was done, and what may still happen.
func showDecision(w io.Writer, op events.Operation, done events.Operated) {
	if done.Saga != "" {
		fmt.Fprintf(w, "%-9s now %s\n", doneText(op, done), done.State)
		fmt.Fprintln(w, "next      "+done.Explain)
	} else {
		fmt.Fprintf(w, "%-9s %s\n", doneText(op, done), done.Explain)
	}
	if done.Hold != "" {
		fmt.Fprintln(w, "hold      "+done.Hold)
	}
	showSagas(w, done)
	showAlive(w, done.Alive)
	if !done.Replicated {
		showOnlyRecorded(w)
	}
}

// doneText is the one word for a decision.
func doneText(op events.Operation, done events.Operated) string {
	switch op.Verb {
	case events.OpRetry:
		return "retried"
	case events.OpWaive:
		return "waived"
	case events.OpCancel:
		if done.State != events.Cancelled && done.State != events.Restoring {
			return "withdrawn" // others still want the erasure
		}
		return "cancelled"
	case events.OpResume:
		return "resumed"
	case events.OpExtend:
		return "extended"
	case events.OpBind:
		return "bound"
	case events.OpHold:
		return "held"
	case events.OpRelease, events.OpReleaseBrake:
		return "released"
	case events.OpConfirmClock, events.OpConfirmRestore:
		return "confirmed"
	case events.OpExplain, events.OpHolds:
	}
	return "done"
}

func showExplained(w io.Writer, done events.Operated) {
	if done.State != "" {
		fmt.Fprintf(w, "state     %s\n", done.State)
	}
	if done.Saga != "" {
		fmt.Fprint(w, "why       ")
	}
	fmt.Fprintln(w, done.Explain)
	showSagas(w, done)
	showAlive(w, done.Alive)
}

func showHolds(w io.Writer, done events.Operated) {
	for _, h := range done.Holds {
		on, until := "the whole erasure", "until it is released"
		if h.Participant != "" {
			on = h.Participant
		}
		if h.Until != nil {
			until = "until " + instant(*h.Until)
		}
		fmt.Fprintf(w, "%s  since %s, %s: %s, by %s (%s)\n", h.Hold, instant(h.At), until, on, h.By, h.Ground)
	}
	fmt.Fprintln(w, done.Explain)
}

func showSagas(w io.Writer, done events.Operated) {
	for _, id := range done.Sagas {
		fmt.Fprintln(w, "saga      "+id)
	}
}

func showCancellation(w io.Writer, c events.Cancellation) {
	switch c.Result {
	case events.CancelledSaga:
		fmt.Fprintln(w, "cancelled nothing of the person is erased")
	case events.WithdrawnRequest:
		fmt.Fprintln(w, "withdrawn others still want the erasure, and it goes on")
	}
	fmt.Fprintf(w, "saga      %s\nstate     %s\n", c.Saga, c.State)
	for _, name := range c.NotRestored {
		fmt.Fprintf(w, "stays     %s: what was ended there is not brought back\n", name)
	}
	showAlive(w, c.Alive)
	if !c.Replicated {
		showOnlyRecorded(w)
	}
}

// showAlive names what cannot be called back.
func showAlive(w io.Writer, permits []events.AlivePermit) {
	for _, p := range permits {
		fmt.Fprintf(w, "alive     %s may still %s, until %s\n", p.Participant, p.Verb, instant(p.Until))
	}
}

func showOnlyRecorded(w io.Writer) {
	fmt.Fprintln(w, "recorded  and not yet replicated: until the bus has it, it would be lost with the orchestrator's disk")
}
