// Conformance runs the conformance suite of every adapter against every server that it speaks
// to, and prints the scorecard: what was passed of the checks of each ability. A dash is an
// ability that the adapter does not have there; a server that is missing is a failure.
//
//	adapter  server            erase  suspend  items
//	jumio    look-alike        10/10  -        4/4
//	sql      SQLite            10/10  8/8      -
//	28 passed, 0 failed
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	cmd := exec.CommandContext(context.Background(), "go", "test", "-json", "-count=1", "-run", "^TestConformance", "./participants/...")
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c := newCard(out)
	readErr := c.read(events)
	return errors.Join(readErr, c.finish(cmd.Wait()))
}

// event is a line of go test -json.
type event struct{ Action, Package, Test, Output, Key, Value string }

// The attributes that participantstest gives each of its checks.
const (
	serverKey  = "participantstest.server"
	abilityKey = "participantstest.ability"
	lackingKey = "participantstest.lacking"
)

// row is one adapter at one server.
type row struct{ adapter, server string }

// score is of one ability in one row.
type score struct{ passed, failed int }

// test is one that runs.
type test struct {
	server, ability string
	lacking         bool
	output          []string
}

type card struct {
	out       io.Writer
	running   map[string]*test
	scores    map[row]map[string]score
	abilities []string // in the order of the suite
	missing   []string // servers that a test could not have
	failed    int      // tests that are no check
}

func newCard(out io.Writer) *card {
	return &card{out: out, running: map[string]*test{}, scores: map[row]map[string]score{}}
}

func (c *card) read(events io.Reader) error {
	for dec := json.NewDecoder(events); ; {
		var e event
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("what go test prints: %w", err)
		}
		c.take(e)
	}
}

func (c *card) take(e event) {
	name := e.Package + " " + e.Test
	t := c.running[name]
	if t == nil {
		t = &test{}
		c.running[name] = t
	}
	switch e.Action {
	case "attr":
		t.attribute(e)
	case "output", "build-output":
		t.output = append(t.output, e.Output)
	case "pass", "fail", "skip":
		delete(c.running, name)
		c.end(e, t)
	}
}

func (t *test) attribute(e event) {
	switch e.Key {
	case serverKey:
		t.server = e.Value
	case abilityKey:
		t.ability = e.Value
	case lackingKey:
		t.lacking = true
	}
}

// end scores a check, and shows why it failed. Of tests that are no checks only a missing server
// and a failure of their own count.
func (c *card) end(e event, t *test) {
	text := strings.Join(t.output, "")
	if _, server, missing := strings.Cut(text, ": not covered: "); missing && e.Action == "skip" {
		c.missing = append(c.missing, strings.TrimSpace(strings.SplitN(server, "\n", 2)[0]))
		return
	}
	if e.Action == "fail" {
		fmt.Fprint(c.out, text)
	}
	if t.ability == "" {
		if e.Action == "fail" {
			c.failed++ // also that of a check below it: nobody reads this number but as more than none
		}
		return
	}
	if !slices.Contains(c.abilities, t.ability) {
		c.abilities = append(c.abilities, t.ability)
	}
	at := row{path.Base(e.Package), t.server}
	if c.scores[at] == nil {
		c.scores[at] = map[string]score{}
	}
	s := c.scores[at][t.ability]
	switch {
	case e.Action == "fail":
		s.failed++
	case !t.lacking:
		s.passed++
	}
	c.scores[at][t.ability] = s
}

// finish prints the card. exit is what go test ended with.
func (c *card) finish(exit error) error {
	passed, failed := c.print()
	failed += len(c.missing)
	if failed == 0 && (exit != nil || c.failed > 0) {
		failed++ // something else than a check
	}
	for _, server := range c.missing {
		fmt.Fprintln(c.out, "not covered:", server)
	}
	fmt.Fprintf(c.out, "%d passed, %d failed\n", passed, failed)
	switch {
	case failed > 0:
		return fmt.Errorf("%d failed", failed)
	case passed == 0:
		return errors.New("no check ran")
	}
	return nil
}

func (c *card) print() (passed, failed int) {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "adapter\tserver\t%s\n", strings.Join(c.abilities, "\t"))
	var rows []row
	for at := range c.scores {
		rows = append(rows, at)
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.adapter+" "+a.server, b.adapter+" "+b.server) })
	for _, at := range rows {
		fmt.Fprintf(w, "%s\t%s", at.adapter, at.server)
		for _, ability := range c.abilities {
			s := c.scores[at][ability]
			passed, failed = passed+s.passed, failed+s.failed
			cell := "-"
			if of := s.passed + s.failed; of > 0 {
				cell = fmt.Sprintf("%d/%d", s.passed, of)
			}
			fmt.Fprintf(w, "\t%s", cell)
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // to a buffer, and then to who prints
	return passed, failed
}
