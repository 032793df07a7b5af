package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/events/bus/embedded"
)

func serveCommand(w world) *cobra.Command {
	var o overrides
	var file string
	var takeOver bool
	c := &cobra.Command{
		Use: "serve", Short: "Run the orchestrator",
		Long: `Run the orchestrator: it takes requests, commands the workers of the plan's participants, and
emits one summary for each erasure. It stops within about half a minute of SIGTERM or SIGINT,
after it has finished what it took; a second signal ends it at once, which loses nothing either.

` + overrideHelp() + exitCodes,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Read(file, o.list(c, w.getenv)...)
			if err != nil {
				return err
			}
			if !cfg.Orchestrates() {
				return advise(fmt.Errorf("%s has no plans", file), "it is a configuration for expunge worker")
			}
			cfg.TakeOver = takeOver
			return serve(c.Context(), cfg, newLogger(w.err, cfg.Log))
		},
	}
	c.Flags().StringVar(&file, "config", defaultConfig, "configuration file")
	c.Flags().BoolVar(&takeOver, takeOverFlag, false, takeOverHelp)
	o.flags(c)
	return c
}

func serve(ctx context.Context, cfg config.Config, log *slog.Logger) (err error) {
	home, err := assembly.OpenHome(cfg.Data, cfg.KEKFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, home.Close()) }()
	b, err := openBus(cfg, log)
	if err != nil {
		return err
	}
	defer b.Close()
	o, err := assembly.NewOrchestrator(cfg, home, b, versionText(), log)
	if err != nil {
		return adviseTaken(err, "http.listen or --http takes another one")
	}
	defer o.Close()
	log.InfoContext(ctx, "orchestrator started", "version", versionText(), "http", o.HTTP(), "bus", b.URL(), "data", home.Folder)
	go func() {
		if o.AwaitReady(ctx) == nil {
			log.InfoContext(ctx, "requests are served")
		}
	}()
	err = adviseHeld(o.Run(ctx))
	log.InfoContext(ctx, "orchestrator stopped")
	return err
}

func openBus(cfg config.Config, log *slog.Logger) (*assembly.Bus, error) {
	if cfg.NATS.Embedded == nil {
		return assembly.Elsewhere(cfg.NATS.Client, log), nil
	}
	b, err := assembly.Embed(embedded.Config{ServerConfig: serverConfig(cfg), Logger: log})
	return b, adviseTaken(err, "nats.embedded.port takes another one")
}
