package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/events"
)

func opCommand(w world) *cobra.Command {
	c := group("op", "Decide as an operator: retry, waive, hold, release and so on")
	c.Long = `Decide as an operator. Every decision needs a ground, and is on disk before it is answered;
the ground and who decided become part of the history. expunge explain says what waits for a
decision.

` + exitCodes
	for _, d := range []deed{
		retryDeed(), waiveDeed(), cancelDeed(), resumeDeed(), bindDeed(w), extendDeed(), holdDeed(w), releaseDeed(), brakeDeed(),
		confirmClockDeed(), confirmRestoreDeed(),
	} {
		c.AddCommand(d.command(w))
	}
	return c
}

// deed is one command of an operator.
type deed struct {
	verb                     events.OperationVerb
	use, short, long, sample string
	args                     cobra.PositionalArgs
	flags                    func(c *cobra.Command, op *events.Operation) // of its own; nil: none
	take                     func(op *events.Operation, args []string) error
	show                     func(w world, done events.Operated)
}

func (d deed) command(w world) *cobra.Command {
	var at desk
	var asJSON bool
	op := events.Operation{Verb: d.verb}
	c := &cobra.Command{
		Use: d.use, Short: d.short, Long: d.long + "\n\n" + exitCodes, Example: d.sample,
		Args: args(d.args),
		RunE: func(c *cobra.Command, args []string) error {
			if err := d.fill(&op, args); err != nil {
				return usage(c, err)
			}
			done, err := at.operate(c.Context(), op)
			if err != nil {
				return err
			}
			if asJSON {
				return showJSON(w.out, done)
			}
			d.tell(w, op, done)
			return nil
		},
	}
	if d.flags != nil {
		d.flags(c, &op)
	}
	if !looks(d.verb) {
		c.Flags().StringVar(&op.Ground, "ground", "", "why, in a sentence without personal data (required)")
		c.Flags().StringVar(&op.By, "by", w.getenv("USER"), "who decides (default: the user of the system)")
	}
	at.flags(c, w)
	c.Flags().BoolVar(&asJSON, "json", false, "print the answer as JSON")
	return c
}

// fill completes the operation and checks it, so that a slip is told without a bus.
func (d deed) fill(op *events.Operation, args []string) error {
	if d.take != nil {
		if err := d.take(op, args); err != nil {
			return err
		}
	}
	if !looks(d.verb) && op.Ground != "" && op.By == "" {
		return errors.New("who decides? give --by, since USER is not set")
	}
	_, err := events.Encode(events.Envelope{ID: "check", Source: "/operators"}, *op)
	if fault, ok := errors.AsType[*events.FieldError](err); ok {
		return fault // the first; what else there is belongs to the wire
	}
	return err
}

func (d deed) tell(w world, op events.Operation, done events.Operated) {
	if d.show != nil {
		d.show(w, done)
		return
	}
	showDecision(w.out, op, done)
}

// aboutSaga takes the one argument of most commands.
func aboutSaga(op *events.Operation, args []string) error {
	op.Saga = args[0]
	return nil
}

func participantFlag(c *cobra.Command, op *events.Operation, help string) {
	c.Flags().StringVar(&op.Participant, "participant", "", help)
}

func stepFlag(c *cobra.Command, op *events.Operation, help string) {
	c.Flags().StringVar((*string)(&op.Step), "step", "", help)
}
