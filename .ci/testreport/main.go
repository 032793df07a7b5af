// Testreport runs `go test -json` with the arguments it is given, prints a line per
// package and the output of what failed, then names every real server that a test could
// not cover, and ends with the totals:
//
//	not covered: PostgreSQL (EXPUNGE_TEST_POSTGRES is not set)
//	812 passed, 0 failed, 3 skipped
//
// With EXPUNGE_TEST_REQUIRE_PEERS=1 a server that was not covered is a failure, and with
// EXPUNGE_TEST_TOTALS the totals are written to that file as well. It exits with 1 when
// anything failed or when no test ran.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := newReport(out)
	r.requirePeers = os.Getenv("EXPUNGE_TEST_REQUIRE_PEERS") == "1"
	readErr := r.read(events)
	r.countExit(cmd.Wait())
	return errors.Join(readErr, r.finish(os.Getenv("EXPUNGE_TEST_TOTALS")))
}

// event is a line of go test -json.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

type report struct {
	out                     io.Writer
	passed, failed, skipped int
	requirePeers            bool
	output                  map[string][]string // by package and test, until it is known whether it failed
	failedIn                map[string]int      // failed tests by package
	notCovered              []string            // as first seen
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: map[string][]string{}, failedIn: map[string]int{}}
}

func (r *report) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// line takes a line that is an event; anything else, such as a word of the go command
// itself, is passed on as it is.
func (r *report) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		fmt.Fprint(r.out, string(line))
		return
	}
	switch e.Action {
	case "output":
		r.keep(e)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "fail", "skip":
		r.end(e)
	}
}

func (r *report) keep(e event) {
	if strings.HasPrefix(e.Output, "=== ") {
		return
	}
	key := e.Package + " " + e.Test
	r.output[key] = append(r.output[key], e.Output)
	_, server, found := strings.Cut(e.Output, ": not covered: ")
	server = strings.TrimSpace(server)
	if found && !slices.Contains(r.notCovered, server) {
		r.notCovered = append(r.notCovered, server)
	}
}

func (r *report) end(e event) {
	key := e.Package + " " + e.Test
	defer delete(r.output, key)
	if e.Action == "fail" {
		for _, line := range r.output[key] {
			fmt.Fprint(r.out, line)
		}
	}
	if e.Test == "" {
		r.endPackage(e)
		return
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "skip":
		r.skip(e, strings.Join(r.output[key], ""))
	case "fail":
		r.failed++
		r.failedIn[e.Package]++
	}
}

// skip shows what was skipped for another reason than a missing server.
func (r *report) skip(e event, output string) {
	r.skipped++
	if !strings.Contains(output, ": not covered: ") {
		fmt.Fprintf(r.out, "skipped %s %s\n%s", e.Package, e.Test, output)
	}
}

// endPackage counts a package that failed without a failed test, such as one that does
// not compile or whose test binary was killed.
func (r *report) endPackage(e event) {
	switch {
	case e.Action == "pass":
		fmt.Fprintf(r.out, "ok   %s %.1fs\n", e.Package, e.Elapsed)
	case e.Action == "fail" && r.failedIn[e.Package] == 0:
		r.failed++
	}
}

// countExit makes an error of the go command that no event told of a failure.
func (r *report) countExit(exit error) {
	if exit != nil && r.failed == 0 {
		fmt.Fprintln(r.out, "go test:", exit)
		r.failed++
	}
}

func (r *report) finish(totals string) error {
	for _, server := range r.notCovered {
		fmt.Fprintln(r.out, "not covered:", server)
	}
	if r.requirePeers {
		r.failed += len(r.notCovered)
	}
	line := fmt.Sprintf("%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	fmt.Fprint(r.out, line)
	var err error
	if totals != "" {
		err = os.WriteFile(totals, []byte(line), 0o644)
	}
	switch {
	case r.failed > 0:
		err = errors.Join(err, fmt.Errorf("%d failed", r.failed))
	case r.passed == 0:
		err = errors.Join(err, errors.New("no test ran"))
	}
	return err
}
