package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/cmd/expunge/demo"
	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

type devOptions struct {
	data, http string
	port       int
	takeOver   bool
	log        config.Log
}

func devCommand(w world) *cobra.Command {
	var o devOptions
	c := &cobra.Command{
		Use: "dev", Short: "Run everything in one process, with a thousand invented people, to try out",
		Long: `Run everything in one process, with a thousand invented people: bus, orchestrator, HTTP API,
eight workers, their systems, and look-alikes of the vendors. Who comes to the bus without
credentials is source demo, and an operator. With --data, everything goes on where it was after any kind of end.

` + exitCodes,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runDev(c.Context(), w, o) },
	}
	f := c.Flags()
	f.StringVar(&o.http, "http", "127.0.0.1:8080", "loopback address of the HTTP API, as host:port")
	f.IntVar(&o.port, "nats", 4222, "port of the bus; -1: any free one")
	f.StringVar(&o.data, "data", "", "folder that survives; default: a temporary one, removed at the end")
	f.BoolVar(&o.takeOver, takeOverFlag, false, takeOverHelp)
	f.StringVar(&o.log.Level, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.log.Format, "log-format", "text", "text or json")
	return c
}

func runDev(ctx context.Context, w world, o devOptions) (err error) {
	if o.port == 0 || !config.Loopback(o.http) {
		return withCode(exitUsage, errors.New("--http must be a loopback address such as 127.0.0.1:8080, and --nats a port or -1"))
	}
	folder := o.data
	if folder == "" {
		if folder, err = os.MkdirTemp("", "expunge-dev-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	}
	stack, err := demo.Open(ctx, demo.Options{
		Folder: folder, TakeOver: o.takeOver, Plan: demo.Plan(), Plans: []saga.Plan{demo.WithGrace(demo.Plan())}, HTTP: o.http, BusPort: o.port, StopTimeout: 15 * time.Second,
		Version: versionText(), Log: newLogger(w.err, o.log),
	})
	if err != nil {
		return adviseTaken(err, "--http and --nats take other ones")
	}
	defer func() { err = errors.Join(err, stack.Close()) }()
	go announce(ctx, w, stack)
	return adviseHeld(stack.Run(ctx))
}

// announce says what to try as soon as it would work.
func announce(ctx context.Context, w world, stack *demo.Stack) {
	if stack.AwaitReady(ctx) != nil {
		return // it is stopping
	}
	fmt.Fprintf(w.out, `ready: bus %[1]s, HTTP http://%[2]s, people u-0001 to u-0200 and their neighbours

  nats --server %[1]s sub 'erasure.summary.demo' &
  nats --server %[1]s req erasure.request.demo '{"user_id":"%[3]s"}'
  expunge request %[3]s --nats %[1]s --wait
  expunge explain --nats %[1]s
  curl -d '{"user_id":"u-0044"}' http://%[2]s/v1/erasures
  curl http://%[2]s/metrics

With the plan with-grace the account is locked at once, and a minute passes in which a cancel
brings it back (sessions stay ended). The id of the request is in the answer:

  expunge request u-0046 --nats %[1]s --plan with-grace
  nats --server %[1]s req erasure.cancel.demo '{"request":"ID"}'

Ctrl-C stops it.
`, stack.BusURL(), stack.HTTP(), people.Someone)
}
