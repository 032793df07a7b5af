package main

import (
	"bufio"
	"database/sql"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts are the command line as people and scripts use it. Beside testscript's own
// commands there are
//
//	code N command...                    run, and want exit code N
//	start NAME REGEXP VAR... -- command  run in the background until a line matches; its groups become variables
//	expect NAME REGEXP                   wait for a further line that matches
//	stop NAME                            SIGTERM, and want a clean end within 20 s
//	sqlite FILE STATEMENT                run a statement
//	lastline FILE REGEXP                 the last line matches
//	until REGEXP -- command...           run again and again until a line of its output matches
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Values[daemonsKey{}] = &daemons{running: map[string]*daemon{}}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code": code, "start": start, "expect": expect, "stop": stop, "sqlite": sqlite, "lastline": lastLine, "until": until,
		},
	})
}

func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

type daemonsKey struct{}

type daemons struct{ running map[string]*daemon }

// daemon is a command in the background.
type daemon struct {
	cmd   *exec.Cmd
	lines chan string // of both outputs; closed at the end
	ended chan error
}

func start(ts *testscript.TestScript, _ bool, args []string) {
	at := 2
	for args[at] != "--" {
		at++
	}
	d := launch(ts, args[at+1:])
	ts.Value(daemonsKey{}).(*daemons).running[args[0]] = d
	ts.Defer(func() { _ = d.cmd.Process.Kill() })
	for i, text := range d.await(ts, args[1])[1:] {
		ts.Setenv(args[2+i], text)
	}
}

func expect(ts *testscript.TestScript, _ bool, args []string) {
	d := ts.Value(daemonsKey{}).(*daemons).running[args[0]]
	if d == nil {
		ts.Fatalf("%s was not started", args[0])
	}
	d.await(ts, args[1])
}

// await returns the match of the first line from here on that has one.
func (d *daemon) await(ts *testscript.TestScript, pattern string) []string {
	form := regexp.MustCompile(pattern)
	var said []string
	for {
		select {
		case line, ok := <-d.lines:
			if !ok {
				ts.Fatalf("ended before a line matched %s:\n%s", pattern, strings.Join(said, "\n"))
			}
			said = append(said, line)
			if m := form.FindStringSubmatch(line); m != nil {
				return m
			}
		case <-time.After(time.Minute):
			ts.Fatalf("no line matched %s in a minute:\n%s", pattern, strings.Join(said, "\n"))
		}
	}
}

func launch(ts *testscript.TestScript, args []string) *daemon {
	self, err := os.Executable()
	ts.Check(err)
	if args[0] != "expunge" {
		ts.Fatalf("only expunge runs in the background")
	}
	d := &daemon{cmd: exec.Command(self, args[1:]...), lines: make(chan string, 10_000), ended: make(chan error, 1)}
	d.cmd.Dir = ts.Getenv("WORK")
	d.cmd.Env = append(os.Environ(), asMain+"=1", "TMPDIR="+ts.Getenv("WORK"))
	out, w := io.Pipe()
	d.cmd.Stdout, d.cmd.Stderr = w, w
	ts.Check(d.cmd.Start())
	var read sync.WaitGroup
	read.Go(func() {
		defer close(d.lines)
		s := bufio.NewScanner(out)
		for s.Scan() {
			select {
			case d.lines <- s.Text():
			default: // nobody reads: the process must not be held up
			}
		}
	})
	go func() {
		err := d.cmd.Wait()
		_ = w.Close()
		read.Wait()
		d.ended <- err
	}()
	return d
}

func stop(ts *testscript.TestScript, _ bool, args []string) {
	d := ts.Value(daemonsKey{}).(*daemons).running[args[0]]
	if d == nil {
		ts.Fatalf("%s was not started", args[0])
	}
	ts.Check(d.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-d.ended:
		ts.Check(err)
	case <-time.After(20 * time.Second):
		ts.Fatalf("still running 20 s after SIGTERM")
	}
}

func sqlite(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", "file:"+ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

func lastLine(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.Split(strings.TrimRight(ts.ReadFile(args[0]), "\n"), "\n")
	last := lines[len(lines)-1]
	if regexp.MustCompile(args[1]).MatchString(last) == neg {
		ts.Fatalf("last line: %s", last)
	}
}

func until(ts *testscript.TestScript, _ bool, args []string) {
	form := regexp.MustCompile("(?m)" + args[0])
	for deadline := time.Now().Add(time.Minute); ; {
		if err := ts.Exec(args[2], args[3:]...); err == nil && form.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no line matched %s in a minute:\n%s", args[0], ts.ReadFile("stdout"))
		}
	}
}

// TestNoScriptIsLeftOut: a folder without scripts would pass.
func TestNoScriptIsLeftOut(t *testing.T) {
	names, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(names) < 7 {
		t.Errorf("%d scripts, %v", len(names), err)
	}
}
