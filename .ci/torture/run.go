package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/expunge-io/expunge/torture/check"
	"github.com/expunge-io/expunge/torture/load"
	"github.com/expunge-io/expunge/torture/nemesis"
	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/stage"
	"github.com/expunge-io/expunge/torture/world"
)

// verdict is the last line.
type verdict struct {
	Seed  uint64 `json:"seed"`
	Sagas int    `json:"sagas"`
	nemesis.Counts
	check.Decisions
	check.Verdict
	Unheard    int   `json:"unheard"` // requests that were answered, and lost with a store before the bus had heard of them
	Panics     int   `json:"panics"`
	Exits      int   `json:"exits"`   // of processes that ended by themselves, as after a failed commit
	Excused    int   `json:"excused"` // effects that an answer had warned of, or of a process that stood in one call
	DurationMS int64 `json:"duration_ms"`

	folder string
}

// The least that a run in CI must have been.
const (
	leastSagas = 500
	leastKills = 40
)

func (v verdict) passes(o options) bool {
	enough := v.Sagas >= leastSagas && v.Kills >= leastKills
	return v.Verdict.Clean() && v.Panics == 0 && (enough || !o.strict)
}

// startTime is how long everything may take to serve at the start.
const startTime = 30 * time.Second

// settleTime is how long everything may take to come to an end once the trouble is over.
// A clock that was wrong may have made a grace seem minutes longer, the wait for a day that
// passes takes a minute, and the machine may have other things to do; a long run leaves more.
func settleTime(run time.Duration) time.Duration { return max(8*time.Minute, run/4) }

// run does everything; its verdict is good as far as it came.
func run(ctx context.Context, o options, log io.Writer) (v verdict, err error) {
	begun := time.Now()
	v.Seed = o.seed
	defer func() { v.DurationMS = time.Since(begun).Milliseconds() }()
	if v.folder, err = folder(o.folder); err != nil {
		return v, err
	}
	fmt.Fprintf(log, "torture: seed %d, %s in %s\n", o.seed, o.duration, v.folder)
	t := &trial{options: o, folder: v.folder, log: log, marker: world.NewMarker(rand.New(rand.NewPCG(o.seed, 7)))}
	err = t.open(ctx)
	if err == nil {
		err = t.play(ctx)
	}
	if t.stage != nil {
		err = errors.Join(err, t.stage.Stop())
		v.Panics, v.Exits = panics(t.stage), exits(t.stage)
	}
	if t.crew != nil {
		v.Counts = t.crew.Counts()
	}
	f, e := t.judge(ctx)
	v.Sagas, v.Decisions, v.Verdict, v.Unheard, v.Excused = f.Sagas, f.Decisions, f.Verdict, f.Unheard, f.Excused
	err = errors.Join(err, e, t.close(err == nil && e == nil && v.passes(o)))
	return v, err
}

func folder(given string) (string, error) {
	if given == "" {
		return os.MkdirTemp("", "torture-")
	}
	return filepath.Abs(given)
}

// trial is one run.
type trial struct {
	options
	folder, marker string
	log            io.Writer

	world  *world.World
	data   *stage.Data
	bus    *stage.Data // nil: an ordinary folder
	stage  *stage.Stage
	book   record.Book
	driver *load.Driver
	crew   *nemesis.Crew
	diary  *os.File // of the nemeses
}

func (t *trial) path(name string) string { return filepath.Join(t.folder, name) }

func (t *trial) open(ctx context.Context) error {
	b, err := t.build(ctx)
	if err != nil {
		return err
	}
	if t.world, err = world.Open(ctx, t.path("world")); err != nil {
		return err
	}
	if t.data, err = stage.OpenData(t.path("disk")); err != nil {
		return err
	}
	if slices.Contains(t.nemeses, nemesis.Outage) {
		if t.bus, err = stage.OpenData(t.path("bus")); err != nil {
			return err
		}
	}
	if t.stage, err = stage.New(ctx, t.folder, b, t.world, t.data, t.bus); err != nil {
		return err
	}
	if t.diary, err = os.Create(t.path("diary.log")); err != nil {
		return err
	}
	var uncovered []string
	if t.crew, uncovered, err = nemesis.New(t.stage, &t.book, t.nemeses, t.seed, t.marker, t.diary); err != nil {
		return err
	}
	for _, line := range uncovered {
		fmt.Fprintln(t.log, line)
	}
	if err := t.stage.Start(); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := t.stage.AwaitReady(limited); err != nil {
		return err
	}
	if t.driver, err = load.New(t.stage, t.world, &t.book, t.seed, t.marker); err != nil {
		return err
	}
	return t.driver.Settle(ctx, t.sagas)
}

// build makes the binaries from the sources: Expunge with clocks that can be set, and the
// NATS server of the version that Expunge is made for.
func (t *trial) build(ctx context.Context) (stage.Binaries, error) {
	b := stage.Binaries{Expunge: t.path("expunge"), Server: t.path("nats-server")}
	for out, args := range map[string][]string{
		b.Expunge: {"-tags", "torture", "./cmd/expunge"},
		b.Server:  {"github.com/nats-io/nats-server/v2"},
	} {
		cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", out}, args...)...)
		cmd.Dir = t.root
		if said, err := cmd.CombinedOutput(); err != nil {
			return b, fmt.Errorf("build %s: %w\n%s", args, err, said)
		}
	}
	return b, nil
}

// play asks and makes trouble, and then waits until everything has ended.
func (t *trial) play(ctx context.Context) error {
	trouble, calm := context.WithTimeout(ctx, t.duration)
	defer calm()
	ended := make(chan error, 1)
	go func() { ended <- t.crew.Run(trouble) }()
	t.driver.Play(ctx, t.duration)
	if err := <-ended; err != nil {
		return err
	}
	fmt.Fprintf(t.log, "torture: %d requests; waiting for their ends\n", len(t.book.Record().Requests))
	limited, cancel := context.WithTimeout(ctx, settleTime(t.duration))
	defer cancel()
	return t.driver.Finish(limited)
}

// mostReasons is how many are printed: a run that was broken off has one for every saga.
const mostReasons = 50

// judge collects the evidence and prints what is broken.
func (t *trial) judge(ctx context.Context) (f check.Findings, err error) {
	if t.driver == nil {
		return f, errors.New("there is nothing to be judged")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	l, err := t.world.Ledger(ctx)
	if err != nil {
		return f, err
	}
	l.Freezes, l.Skewed = t.crew.Freezes(), t.crew.Skewed()
	if l.Residue, err = t.residue(); err != nil {
		return f, err
	}
	r := t.book.Record()
	r.Terms = record.Terms{Life: stage.PermitLife, Graced: stage.Graced, Grace: stage.Grace}
	f = check.Check(r, l)
	for _, reason := range f.Reasons[:min(len(f.Reasons), mostReasons)] {
		fmt.Fprintln(t.log, "torture:", reason)
	}
	if more := len(f.Reasons) - mostReasons; more > 0 {
		fmt.Fprintf(t.log, "torture: and %d more\n", more)
	}
	return f, errors.Join(record.Write(t.path("record.json"), r), record.Write(t.path("ledger.json"), l))
}

// close takes everything away, or keeps it for who looks into a failure.
func (t *trial) close(good bool) error {
	var errs []error
	if t.world != nil {
		t.world.Close()
	}
	for name, d := range map[string]*stage.Data{"disk-kept": t.data, "bus-kept": t.bus} {
		if d == nil {
			continue
		}
		kept := t.path(name)
		if good {
			kept = ""
		}
		errs = append(errs, d.Close(kept))
	}
	if t.diary != nil {
		errs = append(errs, t.diary.Close())
	}
	if good && t.options.folder == "" {
		errs = append(errs, os.RemoveAll(t.folder))
	}
	return errors.Join(errs...)
}
