package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/cmd/expunge/skeleton"
)

func workerCommand(w world) *cobra.Command {
	var o overrides
	var file string
	var names []string
	c := &cobra.Command{
		Use: "worker", Short: "Run one or more participants of the configuration",
		Long: `Run the workers of one or more participants. Any number of processes may run the same
participant. A worker stops within 75 seconds of SIGTERM or SIGINT, after it has finished and
reported what it was at; what a second signal cuts off is tried again as maybe done.

` + overrideHelp() + exitCodes,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Read(file, o.list(c, w.getenv)...)
			if err != nil {
				return err
			}
			names, err := chosen(names, cfg, file)
			if err != nil {
				return err
			}
			return work(c.Context(), cfg, names, newLogger(w.err, cfg.Log))
		},
	}
	c.Flags().StringVar(&file, "config", defaultConfig, "configuration file")
	c.Flags().StringSliceVar(&names, "participant", nil, "participants to run, separated by commas; default: all that the file has workers for")
	o.flags(c)
	c.AddCommand(workerNewCommand(w))
	return c
}

func workerNewCommand(w world) *cobra.Command {
	var folder string
	c := &cobra.Command{
		Use: "new NAME", Short: "Write a worker of your own to begin with: it compiles, and passes the conformance suite",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			name := given[0]
			at := cmp.Or(folder, name)
			written, err := skeleton.Write(at, name)
			if err != nil {
				return withCode(exitUsage, err)
			}
			fmt.Fprintf(w.out, "wrote %s in %s. What to do next:\n\n  cd %s\n  go mod init example.com/%s && go mod tidy\n  go test ./...\n\n"+
				"Then put your own store into store.go, and %s into a plan: participants without suspend and\n"+
				"resolve need a name there, and nothing else.\n", strings.Join(written, ", "), at, at, name, name)
			return nil
		},
	}
	c.Flags().StringVar(&folder, "folder", "", "where to write it; default: a folder of that name")
	return c
}

// chosen are the participants to run: those that were named, or all.
func chosen(names []string, cfg config.Config, file string) ([]string, error) {
	all := slices.Sorted(maps.Keys(cfg.Workers))
	if len(all) == 0 {
		return nil, advise(fmt.Errorf("%s has no workers", file), "expunge config example shows some")
	}
	if len(names) == 0 {
		return all, nil
	}
	var errs []error
	for _, name := range names {
		if !slices.Contains(all, name) {
			errs = append(errs, fmt.Errorf("%s has no worker for participant %q; it has %v", file, name, all))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), errors.Join(errs...)
}

func work(ctx context.Context, cfg config.Config, names []string, log *slog.Logger) (err error) {
	var workers []*assembly.Worker
	defer func() {
		for _, w := range workers {
			err = errors.Join(err, w.Close())
		}
	}()
	targets, err := assembly.Targets(cfg, log)
	if err != nil {
		return err
	}
	for _, name := range names {
		nc, err := assembly.Dial(name, cfg, log)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		w, err := assembly.NewWorker(name, cfg.Workers[name], nc, assembly.WorkerOptions{
			Version: versionText(), Log: log, Target: targets[name],
		})
		if err != nil {
			return err
		}
		workers = append(workers, w)
	}
	return assembly.RunWorkers(ctx, workers)
}
