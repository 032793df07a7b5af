package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/events/bus"
)

// Exit codes; they are part of what scripts rely on.
const (
	exitOK         = 0
	exitFailed     = 1 // it did not work; standard error says why
	exitUsage      = 2 // no such command, flag or argument
	exitUnfinished = 3 // the erasure ended, or stands, other than completed
	exitNoAnswer   = 4 // nobody answered in time: the bus or the orchestrator is away
)

const exitCodes = `Exit codes:
  0  done
  1  it did not work
  2  wrong usage
  3  the erasure ended, or stands, other than completed
  4  nobody answered in time
`

// advice is an error and what to do next.
type advice struct {
	err error
	try string
}

func (a *advice) Error() string { return a.err.Error() + "\n  " + a.try }
func (a *advice) Unwrap() error { return a.err }

func advise(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &advice{err, fmt.Sprintf(format, args...)}
}

// adviseTaken advises about an address that another process has.
func adviseTaken(err error, try string) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	return advise(err, "is another expunge running? %s", try)
}

const (
	takeOverFlag = "take-over"
	takeOverHelp = "take the bus from an orchestrator of another data folder that is gone for good"
)

// adviseHeld advises who met another orchestrator on its bus.
func adviseHeld(err error) error {
	held, ok := errors.AsType[*bus.HeldError](err)
	switch {
	case errors.Is(err, bus.ErrLeaseLost):
		return advise(err, "nothing more was answered or sent from here; start again only if that other one is to end")
	case !ok:
		return err
	case held.Alive:
		return advise(err, "it is alive: stop it first, or give this one a bus of its own")
	}
	return advise(err, "stop it, or give this one a bus of its own; if it is gone for good, start with --%s: "+
		"that waits until it cannot be alive, and then until nobody can act on what it permitted", takeOverFlag)
}

// coded is an error with an exit code of its own.
type coded struct {
	error
	code int
}

func (c *coded) Unwrap() error { return c.error }

func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &coded{err, code}
}

// errSilent ends a command that has already said everything.
var errSilent = errors.New("")

// report says what went wrong and returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	var faults config.Faults
	switch {
	case errors.Is(err, errSilent):
	case errors.As(err, &faults):
		fmt.Fprintln(w, faults) // a line each, as compilers do
	default:
		fmt.Fprintln(w, "expunge:", err)
	}
	return codeOf(err)
}

func codeOf(err error) int {
	var c *coded
	switch {
	case errors.As(err, &c):
		return c.code
	case errors.Is(err, context.DeadlineExceeded):
		return exitNoAnswer
	}
	return exitFailed
}
