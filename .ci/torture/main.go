// Command torture runs the orchestrator, its workers and a bus as real processes, asks them
// for hundreds of erasures, and meanwhile does to them what a bad year does to a service. It
// then judges by nothing but what its client was told and what the systems saw, and prints
// one JSON object as its last line. The exit code is 0 only if nothing was broken.
//
// It is a Go module of its own, so that what it needs (a proxy that is a bad network, and
// FUSE for a disk that forgets what was not synced) does not become a dependency of Expunge.
//
// Everything that is random is drawn from -seed, which is printed. The same seed makes the
// same requests and the same troubles; how they interleave is up to the machine.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/expunge-io/expunge/torture/nemesis"
)

// options are what may be chosen.
type options struct {
	seed     uint64
	duration time.Duration // of the trouble
	sagas    int           // scenes that are played
	nemeses  []string
	folder   string // of everything that is made; kept when something is broken
	root     string // of the sources
	strict   bool   // want enough sagas and kills too
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func execute(ctx context.Context, args []string, out, log io.Writer) int {
	o, err := parse(args, log)
	if err != nil {
		return 2
	}
	v, err := run(ctx, o, log)
	if err != nil {
		fmt.Fprintln(log, "torture:", err)
	}
	ok := err == nil && v.passes(o)
	if !ok {
		fmt.Fprintf(log, "torture: everything is kept in %s; the same again: make torture TORTUREFLAGS='-seed %d -duration %s -sagas %d -nemeses %s'\n",
			v.folder, o.seed, o.duration, o.sagas, strings.Join(o.nemeses, ","))
	}
	line, _ := json.Marshal(v) // integers and texts
	fmt.Fprintf(out, "%s\n", line)
	if !ok {
		return 1
	}
	return 0
}

// people is how many are asked to be erased in a run: as fast as it goes in a short one. A long
// one must not only pile up what cannot be done beside the trouble: after a restore the bus is
// taken over 15 s later, and whoever is killed every few seconds does little in between.
func people(run time.Duration) int {
	fast := min(run, 2*time.Minute)
	return int(fast.Seconds()*5.5 + (run-fast).Seconds()/3)
}

func parse(args []string, log io.Writer) (o options, err error) {
	f := flag.NewFlagSet("torture", flag.ContinueOnError)
	f.SetOutput(log)
	f.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()%1_000_000_000), "what everything random is drawn from")
	f.DurationVar(&o.duration, "duration", 110*time.Second, "how long the trouble lasts")
	f.IntVar(&o.sagas, "sagas", 0, "people who are asked to be erased; 0: as many as five and a half a second for two minutes, and one in three seconds after those")
	f.StringVar(&o.folder, "folder", "", "where to work; empty: a new one below the folder for temporary files")
	f.StringVar(&o.root, "root", "../..", "folder of the sources")
	f.BoolVar(&o.strict, "ci", true, "fail also when there were fewer than 500 sagas or 40 kills")
	names := f.String("nemeses", strings.Join(nemesis.Usual(), ","), "kinds of trouble, separated by commas; \"\": none; outage cuts the power of the bus as well")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *names != "" {
		o.nemeses = strings.Split(*names, ",")
	}
	if o.sagas == 0 {
		o.sagas = people(o.duration)
	}
	return o, nil
}
