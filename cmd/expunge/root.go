package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newRoot(w world) *cobra.Command {
	root := group("expunge", "Erase a person from every system that holds a share of them, and prove it")
	root.Long = `Expunge erases a person from every system that holds a share of them, and proves it.

  expunge demo      see one erasure from beginning to end
  expunge dev       try it out: everything in one process, with invented people
  expunge serve     run the orchestrator; expunge worker runs the participants

` + exitCodes
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetIn(w.in)
	root.SetOut(w.out)
	root.SetErr(w.err)
	root.SetFlagErrorFunc(usage)
	root.AddCommand(
		demoCommand(w), devCommand(w), sandboxCommand(w), serveCommand(w), workerCommand(w), participantCommand(w),
		requestCommand(w), statusCommand(w), watchCommand(w), cancelCommand(w),
		explainCommand(w), holdsCommand(w), opCommand(w),
		configCommand(w), natsCommand(w), dbCommand(w), keysCommand(w), versionCommand(w),
	)
	return root
}

// usage is an error of who typed the command.
func usage(c *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return withCode(exitUsage, advise(err, "see: %s --help", c.CommandPath()))
}

// group is a command that only has others below it.
func group(use, short string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return usage(c, fmt.Errorf("no command %q below %s", args[0], c.CommandPath()))
		},
	}
}

// args makes the fault of a wrong number of arguments one of usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error { return usage(c, check(c, given)) }
}

func versionCommand(w world) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say what was built", Args: args(cobra.NoArgs),
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(w.out, "expunge %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// versionText falls back on what the go command recorded, for go install.
func versionText() string {
	if version != "devel" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return version
}
