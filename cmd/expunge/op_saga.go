package main

import (
	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/events"
)

func retryDeed() deed {
	return deed{
		verb: events.OpRetry, use: "retry SAGA", args: cobra.ExactArgs(1), take: aboutSaga,
		short: "Try again what is parked, with all its attempts",
		long:  "Try again what is parked, with all its attempts: one step, or all of the saga.",
		flags: func(c *cobra.Command, op *events.Operation) {
			participantFlag(c, op, "whose step; empty: all that are parked")
			stepFlag(c, op, "which step: resolve, suspend, restore, erase or verify; empty: all of them")
		},
		sample: "  expunge op retry SAGA --ground 'the table is back'",
	}
}

func waiveDeed() deed {
	return deed{
		verb: events.OpWaive, use: "waive SAGA", args: cobra.ExactArgs(1), take: aboutSaga,
		short: "Go on without a share",
		long: `Go on without a share. It is not erased, the saga ends at best as completed_with_exceptions, and
its summary says who waived what, and on which ground. With --step suspend or restore it is the
step that is done without, for example because somebody did it by hand.`,
		flags: func(c *cobra.Command, op *events.Operation) {
			participantFlag(c, op, "whose share (required)")
			stepFlag(c, op, "suspend or restore: that step alone; empty: the share")
		},
		sample: "  expunge op waive SAGA --participant wiki --ground 'the wiki was shut down'",
	}
}

func cancelDeed() deed {
	return deed{
		verb: events.OpCancel, use: "cancel SAGA", args: cobra.ExactArgs(1), take: aboutSaga,
		short: "Withdraw the requests of a saga for their sources",
		long: `Withdraw the requests that a saga serves, or one of them, in the name of their sources. With its
last request the saga is cancelled, and what was suspended is brought back. Once the erasure has
passed the point of no return it cannot be cancelled.`,
		flags: func(c *cobra.Command, op *events.Operation) {
			c.Flags().StringVar(&op.Request, "request", "", "withdraw this one alone; empty: all")
		},
	}
}

func resumeDeed() deed {
	return deed{
		verb: events.OpResume, use: "resume SAGA", args: cobra.ExactArgs(1), take: aboutSaga,
		short: "Let a saga go on after what made it doubtful was looked at",
		long: `Let a saga go on as it is, after what made it doubtful was looked at: two systems contradict each
other about the person, or an identifier belongs to somebody else as well.`,
	}
}

func bindDeed(w world) deed {
	var id string
	return deed{
		verb: events.OpBind, use: "bind SAGA", args: cobra.ExactArgs(1),
		short: "Say who an ambiguous request means",
		long: `Say who an ambiguous request means: it brought no user id, and the systems name two, or none. It is
bound to that person for good. If systems name others, it must be one of those; where another one is
named by the same identifiers is to be looked at once more, before expunge op resume lets it go on.

What is typed as an argument stands in the shell's history and in the list of processes. With -
for the user id it is read from standard input.`,
		flags: func(c *cobra.Command, _ *events.Operation) {
			c.Flags().StringVar(&id, "user-id", "", "the person's user id in the realm of the request's source (required)")
		},
		take: func(op *events.Operation, args []string) error {
			op.Saga = args[0]
			if id == "" {
				return nil // said by the check of the operation
			}
			value, err := userID(w.in, id)
			op.UserID = events.Private(value)
			return err
		},
		sample: "  echo u-0042 | expunge op bind SAGA --user-id - --ground 'called back, ticket 4711'",
	}
}

func extendDeed() deed {
	return deed{
		verb: events.OpExtend, use: "extend SAGA", args: cobra.ExactArgs(1), take: aboutSaga,
		short: "Move the due date, once",
		long:  "Move the due date, by at most two further months and once, as GDPR Article 12(3) allows. The\nperson has to be told why; the ground is published with the event.",
		flags: func(c *cobra.Command, op *events.Operation) {
			c.Flags().Var(&instantFlag{&op.Until}, "until", "the new due date (required)")
		},
		sample: "  expunge op extend SAGA --until 2026-05-04 --ground 'a complex request'",
	}
}

func brakeDeed() deed {
	return deed{
		verb: events.OpReleaseBrake, use: "release-brake [SAGA]", args: cobra.MaximumNArgs(1),
		short: "Let pass what a ceiling keeps back",
		long: `Let pass what a ceiling keeps back: the sagas of one source, with SAGA and --participant one share
that has more items than its plan allows, or, with neither, those of all sources together.`,
		take: func(op *events.Operation, args []string) error {
			if len(args) > 0 {
				op.Saga = args[0]
			}
			return nil
		},
		flags: func(c *cobra.Command, op *events.Operation) {
			c.Flags().StringVar(&op.Source, "source", "", "the brake of this source")
			participantFlag(c, op, "of SAGA: the brake of this share")
		},
	}
}

func confirmClockDeed() deed {
	return deed{
		verb: events.OpConfirmClock, use: "confirm-clock", args: cobra.NoArgs,
		short: "Say that the orchestrator's clock was looked at and is right",
		long: `Say that the orchestrator's clock was looked at and is right. While it is in doubt nothing passes
the point of no return: a grace or a hold might only seem to be over. Most participants agreeing with it
ends the doubt too.`,
	}
}

func confirmRestoreDeed() deed {
	return deed{
		verb: events.OpConfirmRestore, use: "confirm-restore", args: cobra.NoArgs,
		short: "Say that what a restored store lacks was dealt with",
		long: `Say that what the restored store lacks was dealt with, so that erasures go on. Before, look at
expunge explain, and at the log of the start: it names the requests that the store knows nothing of,
and which their sources have to send again.`,
	}
}
