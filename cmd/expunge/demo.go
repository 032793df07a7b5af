package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/cmd/expunge/demo"
	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/participants/sandbox"
)

type demoOptions struct {
	data        string
	keep, lying bool
}

func demoCommand(w world) *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use: "demo", Short: "Erase one of a thousand invented people from real stores, and prove it",
		Long: `Erase one of a thousand invented people, and prove it. The demo runs a NATS server, the
orchestrator and eight workers on real stores, publishes an erasure event as a service would, and
then checks by itself, past all workers, that nothing of the person is left anywhere, that nobody
else was touched, and that none of its own files holds an identifier of the person.

The last line of its output is one JSON object with what it found.

` + exitCodes,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c.Context(), w, o) },
	}
	c.Flags().StringVar(&o.data, "data", "", "folder to run in, which is kept; default: a temporary one")
	c.Flags().BoolVar(&o.keep, "keep", false, "keep the temporary folder")
	c.Flags().BoolVar(&o.lying, "break", false, "let the verification vendor answer 200 without deleting: the run must not end well")
	return c
}

// demoLimit bounds the whole demo, whatever hangs.
const demoLimit = 2 * time.Minute

// runDemo always ends its output with the one line of the verdict.
func runDemo(ctx context.Context, w world, o demoOptions) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	v, err := inFolder(ctx, w, o)
	if err != nil {
		v.Status = "error"
	}
	v.DurationMS = time.Since(began).Milliseconds()
	if err != nil {
		fmt.Fprintln(w.err, "expunge:", err)
	}
	if err := showJSON(w.out, v); err != nil {
		return err
	}
	switch {
	case err != nil:
		return withCode(codeOf(err), errSilent)
	case v.Status != demo.Completed:
		return withCode(exitUnfinished, errSilent)
	}
	return nil
}

func inFolder(ctx context.Context, w world, o demoOptions) (v demo.Verdict, err error) {
	folder := o.data
	if folder == "" {
		if folder, err = os.MkdirTemp("", "expunge-demo-"); err != nil {
			return v, err
		}
		if !o.keep {
			defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
		}
	}
	if o.keep || o.data != "" {
		defer func() { fmt.Fprintln(w.out, "\nkept in", folder) }()
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return v, err
	}
	journal, err := os.OpenFile(filepath.Join(folder, "expunge.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return v, err
	}
	defer journal.Close()
	t := theatre{w: w, folder: folder, log: journal, lying: o.lying}
	return t.play(ctx)
}

// theatre is one run of the demo.
type theatre struct {
	w      world
	folder string
	log    io.Writer
	lying  bool

	stack  *demo.Stack
	person people.Person
	before people.Snapshot
}

func (t *theatre) say(format string, a ...any) { fmt.Fprintf(t.w.out, format+"\n", a...) }

func (t *theatre) play(ctx context.Context) (v demo.Verdict, err error) {
	if t.stack, err = demo.Open(ctx, demo.Options{
		Folder: t.folder, Plan: demo.Impatient(demo.Plan()), HTTP: "127.0.0.1:0", StopTimeout: 5 * time.Second,
		Version: versionText(), Log: newLogger(t.log, config.Log{Level: "debug", Format: "json"}),
	}); err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, t.stack.Close()) }()
	if err := t.open(ctx); err != nil {
		return v, err
	}
	status, took, err := t.perform(ctx)
	if err != nil {
		return v, err
	}
	return t.examine(ctx, status, took)
}

// open chooses the person and remembers what everybody has.
func (t *theatre) open(ctx context.Context) (err error) {
	if t.person, err = t.stack.Systems.Whole(ctx); err != nil {
		return err
	}
	if t.before, err = t.stack.Systems.Snapshot(ctx); err != nil {
		return err
	}
	if err := demo.Control(t.folder, t.person); err != nil {
		return err
	}
	if t.lying {
		t.stack.Systems.Jumio.SetFaults(sandbox.Fault{Action: "DELETE", Lie: true})
		t.say("The verification vendor will answer 200 and delete nothing.")
	}
	t.say("%d people. Everywhere together there are %d items of %s (%s).", len(people.All()), t.person.Items(), t.person.ID, t.person.Name)
	return nil
}

// perform runs everything, erases the person, and stops everything but the systems.
func (t *theatre) perform(ctx context.Context) (status string, took int, err error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	var services errgroup.Group
	services.Go(func() error {
		defer stop() // whoever waits for a service that has ended waits no longer
		return t.stack.Run(running)
	})
	if err = t.stack.AwaitReady(running); err == nil {
		status, took, err = t.erase(running)
	}
	stop()
	return status, took, errors.Join(err, services.Wait(), t.stack.StopServices())
}

func (t *theatre) examine(ctx context.Context, status string, took int) (demo.Verdict, error) {
	f, err := demo.Examine(ctx, t.stack.Systems, t.folder, t.person, t.before)
	if err != nil {
		return demo.Verdict{}, err
	}
	t.say("\nChecked by asking the systems themselves:")
	for place, n := range sortedPairs(f.Left) {
		t.say("  LEFT     %d in %s", n, place)
	}
	if len(f.Left) == 0 {
		t.say("  ok       nothing of %s is left anywhere", t.person.ID)
	}
	if f.Touched > 0 {
		t.say("  TOUCHED  %d others", f.Touched)
	} else {
		t.say("  ok       everybody else is as before, to the byte")
	}
	for _, hit := range f.Hits {
		t.say("  RESIDUE  %s", hit)
	}
	if len(f.Hits) == 0 {
		t.say("  ok       none of %d identifiers is in any of %.1f MB of our own files and logs, in no encoding", len(t.person.Identifiers()), float64(f.Scanned)/1e6)
	}
	return f.Judge(status, took), nil
}
