package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/cmd/expunge/config"
)

func configCommand(w world) *cobra.Command {
	c := group("config", "Check a configuration, or print one to start from")
	c.AddCommand(configCheckCommand(w), &cobra.Command{
		Use: "example", Short: "Print a commented configuration that works", Args: args(cobra.NoArgs),
		Run: func(*cobra.Command, []string) { fmt.Fprint(w.out, config.Example) },
	})
	return c
}

func configCheckCommand(w world) *cobra.Command {
	var o overrides
	c := &cobra.Command{
		Use: "check FILE", Short: "Name everything that is wrong with a configuration, with line numbers",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := config.Read(args[0], o.list(c, w.getenv)...); err != nil {
				return err
			}
			fmt.Fprintln(w.out, args[0]+": no fault")
			return nil
		},
	}
	o.flags(c)
	return c
}

// overrides are the flags that change single values of a configuration file.
type overrides struct{ values map[string]*string }

func (o *overrides) flags(c *cobra.Command) {
	o.values = map[string]*string{}
	for _, v := range config.Overridable {
		o.values[v.Path] = c.Flags().String(v.Flag, "", v.Help+" (also "+v.Variable+")")
	}
}

// list returns what the environment and then the flags put over the file.
func (o *overrides) list(c *cobra.Command, getenv func(string) string) (out []config.Override) {
	for _, v := range config.Overridable {
		if value := getenv(v.Variable); value != "" {
			out = append(out, config.Override{Origin: v.Variable, Path: v.Path, Value: value})
		}
	}
	for _, v := range config.Overridable {
		if c.Flags().Changed(v.Flag) {
			out = append(out, config.Override{Origin: "--" + v.Flag, Path: v.Path, Value: *o.values[v.Path]})
		}
	}
	return out
}

// overrideHelp says where values come from.
func overrideHelp() string {
	var b strings.Builder
	b.WriteString("Values come from the file, then from the environment, then from flags; the later one wins:\n")
	for _, v := range config.Overridable {
		fmt.Fprintf(&b, "  %-12s %-20s --%s\n", v.Path, v.Variable, v.Flag)
	}
	return b.String() + "\n"
}
