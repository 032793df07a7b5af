package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/expunge-io/expunge/events"
)

// progress prints a line for each participant as it comes to a result. It needs neither a
// terminal nor colours.
type progress struct {
	out   io.Writer
	began time.Time
	said  map[string]string
}

func newProgress(out io.Writer) *progress {
	return &progress{out: out, began: time.Now(), said: map[string]string{}}
}

func (p *progress) show(st events.Status) {
	for _, part := range st.Participants {
		result := resultOf(part)
		if result == "" || p.said[part.Name] == result {
			continue
		}
		p.said[part.Name] = result
		fmt.Fprintf(p.out, "  %5.1fs  %-20s %s\n", time.Since(p.began).Seconds(), part.Name, result)
	}
}

// resultOf is what a participant came to, and empty as long as it came to nothing.
func resultOf(p events.ParticipantStatus) string {
	switch {
	case p.Step == "parked":
		return fmt.Sprintf("%-9s %s (%s)", "parked", p.Reason, p.Verb)
	case p.Verdict != "":
		return strings.TrimRight(fmt.Sprintf("%-9s %s", p.Verdict, countsText(p.Counts)), " ")
	}
	return ""
}

func countsText(c events.Counts) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%d %s", c[kind], kind))
	}
	return strings.Join(parts, ", ")
}

func showAcceptance(w io.Writer, a events.Acceptance) {
	fmt.Fprintf(w, "saga      %s\nrequest   %s\nstate     %s\ndue       %s\n", a.Saga, a.Request, a.State, instant(a.Due))
	if a.Joined {
		fmt.Fprintln(w, "joined    an erasure of the same person that is under way")
	}
}

func showStatus(w io.Writer, st events.Status) {
	fmt.Fprintf(w, "saga      %s\nstate     %s\nstarted   %s\ndue       %s\n", st.Saga, st.State, instant(st.Started), instant(st.Due))
	if st.Ended != nil {
		fmt.Fprintf(w, "ended     %s\n", instant(*st.Ended))
	}
	if st.Parked != "" {
		fmt.Fprintf(w, "parked    %s: an operator must act\n", st.Parked)
	}
	showWaits(w, st)
	for _, p := range st.Participants {
		fmt.Fprintf(w, "  %-20s %s%s\n", p.Name, cmp.Or(resultOf(p), stepText(p)), marks(st, p))
	}
	showAlive(w, st.Alive)
	showExceptions(w, st.Exceptions)
}

func showExceptions(w io.Writer, list []events.Exception) {
	for _, e := range list {
		line := fmt.Sprintf("  exception: %s %s: %s", e.Participant, e.Kind, e.Ground)
		if e.Until != nil {
			line += ", until " + instant(*e.Until)
		}
		if e.By != "" {
			line += " (" + e.By + ")"
		}
		fmt.Fprintln(w, line)
	}
}

// showWaits says what an erasure waits for as a whole.
func showWaits(w io.Writer, st events.Status) {
	if st.Queued {
		fmt.Fprintln(w, "queued    until the erasure of the same person that is under way has ended")
	}
	if st.GraceUntil != nil && st.State == events.Grace {
		fmt.Fprintf(w, "grace     until %s: nothing is erased before\n", instant(*st.GraceUntil))
	}
	if st.Held != "" && !st.State.Final() {
		until := "it is released"
		if st.HeldUntil != nil {
			until = instant(*st.HeldUntil)
		}
		fmt.Fprintf(w, "held      until %s: %s\n", until, st.Held)
	}
}

// marks are what holds for a participant beside its step.
func marks(st events.Status, p events.ParticipantStatus) (text string) {
	if p.Suspended {
		text += ", suspended"
	}
	if p.Held && st.Held == "" { // one on the person is said above, once
		text += ", held"
	}
	return text
}

// stepText is where a participant stands that has no result yet.
func stepText(p events.ParticipantStatus) string {
	text := fmt.Sprintf("%-9s %s", p.Step, p.Verb)
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	if p.Until != nil {
		text += ", until " + instant(*p.Until)
	}
	return text
}

func showSummary(w io.Writer, s events.Summary) {
	fmt.Fprintf(w, "%s in %s, person %.16s..., plan %s\n", s.State, s.Ended.Sub(s.Started).Round(time.Millisecond), s.Pseudonym, s.Plan)
	for _, p := range s.Participants {
		line := strings.TrimRight(fmt.Sprintf("%-9s %s", p.Verdict, countsText(p.Counts)), " ")
		if p.VerifiedAt != nil {
			line += "; counted again: nothing left"
		}
		if p.Left.Total() > 0 {
			line += "; made after the request, and kept: " + countsText(p.Left)
		}
		fmt.Fprintf(w, "  %-20s %s\n", p.Name, line)
	}
	showExceptions(w, s.Exceptions)
}

func showEvent(w io.Writer, e events.Event) {
	line := fmt.Sprintf("%s  %s  %-9s %s  %s  %s", instant(e.At), e.Saga, e.Kind, e.State, e.Participant, e.Reason)
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

// showJSON prints a message as it is on the wire, on one line.
func showJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, string(b))
	return nil
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
