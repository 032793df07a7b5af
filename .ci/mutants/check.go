package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// check is the tests of one part.
type check struct {
	name     string
	packages []string
	flags    []string // of their test binaries
}

// checks is all that may judge a mutant, in the order of cost. Each stands alone: what the
// core promises must be noticed by the tests of the core.
var checks = []check{
	// Model, transcripts, cases. A mutant's counterexample is of no use to the next one.
	{"core", []string{"./orchestrator/saga"}, []string{"-rapid.nofailfile", "-rapid.shrinktime=0s"}},
	{"contract", []string{"./events"}, nil},
	{"vault", []string{"./storage/vault"}, nil},
	{"worker", []string{"./participants"}, nil},
	{"store", []string{"./storage/memory", "./storage/bolt"}, nil},
	{"bus", []string{"./events/bus"}, nil},
	{"orchestrator", []string{"./orchestrator"}, nil},
}

// costOf is the place of a check in the order of cost; -1 if there is no such check.
func costOf(name string) int {
	return slices.IndexFunc(checks, func(c check) bool { return c.name == name })
}

// timeout bounds a check: a mutant that makes everybody wait is caught by it.
const timeout = "5m"

// verdict is what came of a check.
type verdict struct {
	failed string          // the first test that failed; empty: none did
	output string          // of a failure
	passed map[string]bool // tests
}

// run runs a check, or some tests of it. The error means that it could not be run; a test
// that fails is no error.
func (c check) run(ctx context.Context, t tree, tests []string) (verdict, error) {
	args := []string{"test", "-json", "-count=1", "-failfast", "-vet=off", "-trimpath", "-timeout", timeout}
	if len(tests) > 0 {
		args = append(args, "-run", "^("+strings.Join(tests, "|")+")$")
	}
	cmd := exec.CommandContext(ctx, "go", slices.Concat(args, c.packages, c.flags)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir = t.dir
	out, exit := cmd.Output()
	v, err := judge(bytes.NewReader(out))
	failed, exited := errors.AsType[*exec.ExitError](exit)
	switch {
	case ctx.Err() != nil:
		return v, ctx.Err()
	case err != nil:
		return v, err
	case exit != nil && !exited:
		return v, exit
	case exit != nil && v.failed == "":
		return v, fmt.Errorf("go test: %w\n%s%s", exit, head(out), head(failed.Stderr))
	case exit == nil && len(v.passed) == 0:
		return v, errors.New("no test ran")
	}
	return v, nil
}

// judge reads what go test -json prints. The error is that something does not compile.
func judge(events io.Reader) (verdict, error) {
	v := verdict{passed: map[string]bool{}}
	output := map[string]string{} // by package and test
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Action, Package, ImportPath, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // a word of the go command itself
		}
		key := e.Package + e.ImportPath + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			output[key] += e.Output
		case "build-fail":
			return v, fmt.Errorf("does not compile:\n%s", output[key])
		case "pass":
			v.passed[e.Test] = e.Test != ""
		case "fail":
			if v.failed == "" { // a subtest fails before the test that it is of
				v.failed, v.output = or(e.Test, e.Package), head([]byte(output[key]))
			}
		}
	}
	delete(v.passed, "")
	return v, lines.Err()
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// head returns the first lines of what a program printed.
func head(b []byte) string {
	lines := bytes.SplitAfterN(b, []byte("\n"), 41)
	return string(bytes.Join(lines[:min(len(lines), 40)], nil))
}
