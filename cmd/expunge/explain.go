package main

import (
	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/events"
)

func explainCommand(w world) *cobra.Command {
	return deed{
		verb: events.OpExplain, use: "explain [SAGA]", args: cobra.MaximumNArgs(1),
		short: "Say what an erasure waits for, or what waits for an operator",
		long: `Say in one line what an erasure waits for, whose turn it is, since when and until when. Without
SAGA, say what waits for an operator, and name the sagas. It asks as an operator does.`,
		take: func(op *events.Operation, args []string) error {
			if len(args) > 0 {
				op.Saga = args[0]
			}
			return nil
		},
		show: func(w world, done events.Operated) { showExplained(w.out, done) },
	}.command(w)
}

func holdsCommand(w world) *cobra.Command {
	return deed{
		verb: events.OpHolds, use: "holds", args: cobra.NoArgs,
		short: "List the legal holds on record",
		long: `List the legal holds on record: their id, since when, until when, on what, by whom and why. On whom a
hold lies is not shown: Expunge keeps only keyed hashes of that.`,
		show: func(w world, done events.Operated) { showHolds(w.out, done) },
	}.command(w)
}
