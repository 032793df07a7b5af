package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/events/bus"
)

func natsCommand(w world) *cobra.Command {
	c := group("nats", "Set up a NATS server: its configuration, and keys for who connects")
	c.AddCommand(natsConfigCommand(w), natsKeyCommand(w))
	return c
}

func natsConfigCommand(w world) *cobra.Command {
	var file, store, host string
	var port int
	c := &cobra.Command{
		Use: "config", Short: "Print the configuration of a NATS server: an account for each worker and source",
		Long: `Print the configuration of a nats-server that fits a configuration file of expunge: an
account for the orchestrator with everything of its own, one for each participant and each source
that reaches nothing else, and one for the operators, who watch and decide. The public keys are those under nats.accounts in the file.`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := config.Read(file)
			if err != nil {
				return err
			}
			if !cfg.Orchestrates() {
				return fmt.Errorf("%s has no plans: the accounts are those of the orchestrator's configuration", file)
			}
			sc := serverConfig(cfg)
			sc.Host, sc.Port, sc.StoreDir = host, port, store
			text, err := sc.Text()
			if err != nil {
				return advise(err, "see nats.accounts in %s; expunge nats key FILE makes a key", file)
			}
			fmt.Fprint(w.out, text)
			return nil
		},
	}
	c.Flags().StringVar(&file, "config", defaultConfig, "configuration file of the orchestrator")
	c.Flags().StringVar(&store, "store", "/var/lib/nats", "folder of the server's streams")
	c.Flags().StringVar(&host, "host", "127.0.0.1", "address that the server listens on")
	c.Flags().IntVar(&port, "port", 4222, "port that the server listens on")
	return c
}

func natsKeyCommand(w world) *cobra.Command {
	return &cobra.Command{
		Use: "key FILE", Short: "Make a key for one program: write the seed to FILE, print the public half",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := bus.NewKey()
			if err != nil {
				return err
			}
			if err := key.Save(args[0]); err != nil {
				return err
			}
			fmt.Fprintln(w.out, key.Public())
			return nil
		},
	}
}

// serverConfig is the NATS server that the accounts of a configuration describe. A plan's
// participant or a source without keys has an account that nobody can use yet.
func serverConfig(cfg config.Config) bus.ServerConfig {
	sc := bus.ServerConfig{
		Durability:   cfg.Durability,
		Orchestrator: cfg.NATS.Accounts.Orchestrator,
		Operators:    cfg.NATS.Accounts.Operators,
	}
	for _, name := range cfg.Participants() {
		sc.Participants = append(sc.Participants, bus.Account{Name: name, Keys: cfg.NATS.Accounts.Participants[name]})
	}
	for _, name := range cfg.SourceNames() {
		sc.Sources = append(sc.Sources, bus.Account{Name: name, Keys: cfg.NATS.Accounts.Sources[name]})
	}
	if e := cfg.NATS.Embedded; e != nil {
		sc.Port, sc.StoreDir, sc.TLS = e.Port, e.Store, e.TLS
	}
	if sc.StoreDir == "" {
		sc.StoreDir = filepath.Join(cfg.Data, "bus")
	}
	return sc
}

const defaultConfig = "expunge.yaml"
