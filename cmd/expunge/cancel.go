package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

func cancelCommand(w world) *cobra.Command {
	var a access
	var asJSON bool
	c := &cobra.Command{
		Use: "cancel REQUEST", Short: "Withdraw a request for an erasure",
		Long: `Withdraw a request for an erasure, by the id that its acceptance named. The erasure is cancelled
with its last request, and what was suspended is brought back; sessions that were ended stay ended.
Once it has passed the point of no return it cannot be cancelled.

` + exitCodes,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.connect(c.Context())
			if err != nil {
				return err
			}
			defer s.close()
			done, err := ask(c.Context(), s, func(ctx context.Context) (events.Cancellation, error) {
				return s.client.Cancel(ctx, events.Cancel{Request: args[0]})
			})
			if err != nil {
				return adviseTooLate(err)
			}
			if asJSON {
				return showJSON(w.out, done)
			}
			showCancellation(w.out, done)
			return nil
		},
	}
	a.flags(c, w)
	c.Flags().BoolVar(&asJSON, "json", false, "print the answer as JSON")
	return c
}

// adviseTooLate says what can still be done after the pivot.
func adviseTooLate(err error) error {
	if p, ok := errors.AsType[*bus.ProblemError](err); ok && p.Problem.Code == events.CodeTooLate {
		return advise(err, "it goes on to its end: follow it with expunge status or expunge watch")
	}
	return err
}
