package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/cmd/expunge/trial"
	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
	"github.com/expunge-io/expunge/participants/participantstest"
)

func participantCommand(w world) *cobra.Command {
	c := group("participant", "Check a worker that runs, in whatever language it is written")
	c.AddCommand(participantCheckCommand(w))
	return c
}

// checkOptions say where a worker is checked.
type checkOptions struct {
	line
	port     int
	seedFile string
	only     string
	wait     time.Duration
	example  bool
}

func participantCheckCommand(w world) *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use: "check NAME FILE", Short: "Hold a running worker to its contract, over the bus",
		Long: `Hold a running worker of participant NAME to its contract. The command plays the orchestrator for
it: on a bus of its own, whose URL it prints, beside the file with the seed of the worker's key; or,
with --nats, on a bus where no orchestrator runs, as the orchestrator's user. Start one process of
the worker; the check begins when it says hello, and takes some minutes.

FILE says who is tried, and which commands fill and look into the system behind the worker:
--example prints one. A line for each check says pass, fail, or - where it was not tried, and why.
Whether the worker stops in good order is not checked.

` + exitCodes,
		Args: args(func(c *cobra.Command, given []string) error {
			if o.example {
				return cobra.NoArgs(c, given)
			}
			return cobra.ExactArgs(2)(c, given)
		}),
		RunE: func(c *cobra.Command, given []string) error {
			if o.example {
				_, err := fmt.Fprint(w.out, trial.Example)
				return err
			}
			return checkParticipant(c.Context(), w, o, given[0], given[1])
		},
	}
	f := c.Flags()
	f.BoolVar(&o.example, "example", false, "print a FILE to begin with")
	f.StringVar(&o.only, "only", "", "only the checks whose names hold this text")
	f.DurationVar(&o.wait, "wait", 5*time.Minute, "how long to wait for the worker's hello")
	f.IntVar(&o.port, "port", -1, "port of the command's own bus on loopback; -1: any free one")
	f.StringVar(&o.seedFile, "seed-file", "", "seed of the worker's key for that bus; read if it is there, else written (default NAME.seed)")
	f.StringVar(&o.url, "nats", "", "URL of a NATS server where no orchestrator runs, instead of a bus of its own")
	f.StringVar(&o.creds, "creds", "", "there: credentials file of the orchestrator's user")
	f.StringVar(&o.nkey, "nkey", "", "there: file with the seed of the orchestrator's user")
	f.StringVar(&o.ca, "tls-ca", "", "there: who signed the server's certificate")
	o.timeout = 10 * time.Second
	return c
}

func checkParticipant(ctx context.Context, w world, o checkOptions, name, file string) error {
	if err := bus.CheckName(name); err != nil {
		return withCode(exitUsage, fmt.Errorf("participant: %w", err))
	}
	f, err := trial.Read(file)
	if err != nil {
		return advise(err, "expunge participant check --example prints a file to begin with")
	}
	r := f.Remote(ctx, name, w.err)
	r.Greet, r.Only = o.wait, o.only
	open := o.own
	if o.url != "" {
		open = o.others
	}
	var closeBus func()
	if r.Conn, closeBus, err = open(ctx, w, name); err != nil {
		return err
	}
	defer closeBus()
	return score(ctx, w, r)
}

// score prints a line for each check, and fails if one did.
func score(ctx context.Context, w world, r *participantstest.Remote) error {
	var passed, failed, untold int
	err := r.Check(ctx, func(s participantstest.Score) {
		switch {
		case s.Err != nil:
			failed++
			fmt.Fprintf(w.out, "fail  %s\n      %s\n", s.Check, strings.ReplaceAll(s.Err.Error(), "\n", "\n      "))
		case s.Untold != "":
			untold++
			fmt.Fprintf(w.out, "-     %s\n      %s\n", s.Check, s.Untold)
		default:
			passed++
			fmt.Fprintf(w.out, "pass  %s\n", s.Check)
		}
	})
	if errors.Is(err, participantstest.ErrNobody) {
		return withCode(exitNoAnswer, advise(err, "it must connect with the URL and the key that were printed, and say hello on %s", events.SubjectHello(r.Name)))
	}
	if err != nil {
		return err
	}
	if untold > 0 {
		fmt.Fprintf(w.out, "%d not tried\n", untold)
	}
	fmt.Fprintf(w.out, "%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return withCode(exitFailed, errSilent)
	}
	return nil
}

// own is a bus of this process, on loopback, for as long as the check takes.
func (o checkOptions) own(ctx context.Context, w world, name string) (nc *nats.Conn, closeBus func(), err error) {
	if o.port == 0 {
		return nil, nil, withCode(exitUsage, errors.New("--port must be a port or -1"))
	}
	seed := o.seedFile
	if seed == "" {
		seed = name + ".seed"
	}
	theirs, err := keyIn(seed)
	if err != nil {
		return nil, nil, err
	}
	ours, err := bus.NewKey()
	if err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp("", "expunge-check-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { _ = os.RemoveAll(folder) } // what is left of it holds nothing of anybody
	cfg := bus.ServerConfig{
		Port: o.port, StoreDir: filepath.Join(folder, "bus"), Orchestrator: []string{ours.Public()},
		Participants: []bus.Account{{Name: name, Keys: []string{theirs.Public()}}},
	}
	server, err := embedded.Start(embedded.Config{ServerConfig: cfg})
	if err != nil {
		remove()
		return nil, nil, adviseTaken(err, "--port takes another one")
	}
	stop := func() { server.Shutdown(); remove() }
	topology := cfg.Topology()
	topology.Limits = bus.Limits{CommandBytes: smallStream, EventBytes: smallStream}
	nc, err = reach(ctx, bus.Config{URL: server.URL(), NKey: ours}, topology)
	if err != nil {
		stop()
		return nil, nil, err
	}
	fmt.Fprintf(w.out, "bus %s, seed of the worker's key in %s\nstart the worker of %s now\n", server.URL(), seed, name)
	return nc, func() { nc.Close(); stop() }, nil
}

// smallStream is enough for doorbells that are acked.
const smallStream = 16 << 20

func reach(ctx context.Context, cfg bus.Config, t bus.Topology) (*nats.Conn, error) {
	nc, err := bus.Connect(cfg)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := errors.Join(bus.WaitConnected(limited, nc), bus.Provision(limited, nc, t)); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// keyIn reads the key whose seed is in a file, or makes one and writes it there.
func keyIn(path string) (bus.Key, error) {
	seed, err := os.ReadFile(path)
	if err == nil {
		key, err := bus.ParseKey([]byte(strings.TrimSpace(string(seed))))
		if err != nil {
			return key, fmt.Errorf("%s: %w", path, err)
		}
		return key, nil
	}
	key, err := bus.NewKey()
	if err != nil {
		return key, err
	}
	return key, key.Save(path)
}

// others is a bus that is there. Two who answer claims would contradict each other.
func (o checkOptions) others(ctx context.Context, w world, name string) (*nats.Conn, func(), error) {
	nc, err := o.dial(ctx, "check")
	if err != nil {
		return nil, nil, err
	}
	err = vacant(ctx, nc, name)
	if err == nil {
		err = bus.Provision(ctx, nc, bus.Topology{Participants: []string{name}})
	}
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	fmt.Fprintf(w.out, "the bus of --nats\nstart the worker of %s now\n", name)
	return nc, nc.Close, nil
}

// vacant is nil if nobody answers claims.
func vacant(ctx context.Context, nc *nats.Conn, name string) error {
	m, err := events.Encode(events.Envelope{ID: nats.NewInbox(), Source: "/participants/" + name}, events.Claim{
		Saga: "expunge-check", Verb: events.Verify, Round: 1, Instance: "expunge-check", Time: time.Now().UTC(),
	})
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = bus.Ask(limited, nc, events.SubjectClaim(name, "0"), m)
	if errors.Is(err, bus.ErrNoAnswer) {
		return nil
	}
	return advise(errors.Join(errors.New("somebody answers the claims of "+name+" on this bus"), err),
		"stop the orchestrator there, or leave --nats out for a bus of its own")
}
