package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/events"
)

func holdDeed(w world) deed {
	var given []string
	return deed{
		verb: events.OpHold, use: "hold [USER_ID]", args: cobra.MaximumNArgs(1),
		short: "Put a legal hold on a person, or on one share of theirs",
		long: `Put a legal hold on a person, or with --participant on one share of theirs, whether their erasure
was asked for or not. Under it nothing more is erased; who still has a permit from before is named.
Its release, or its end, drives the erasure on by itself.

Identifiers are compared byte by byte: a hold on Mia@example.com does not lie on mia@example.com.
Name the user id, which cannot be written in two ways, wherever it is known; further identifiers
reach an erasure that was asked for without one.

What is typed as an argument stands in the shell's history and in the list of processes. With -
for USER_ID, or for the value of an identifier, it is read from a line of standard input.`,
		flags: func(c *cobra.Command, op *events.Operation) {
			flagOrEnv(c, w, &op.Realm, "realm", "EXPUNGE_REALM", "demo", "user directory that the id belongs to")
			participantFlag(c, op, "the share of this participant alone")
			c.Flags().StringArrayVar(&given, "identifier", nil, "further identifier of the person, as type=value; may be given again")
			c.Flags().Var(&instantFlag{&op.Until}, "until", "end of the hold, if one is known")
		},
		take: func(op *events.Operation, args []string) error { return person(w.in, op, args, given) },
		sample: "  expunge op hold u-0042 --ground 'court order 17/26'\n" +
			"  echo mia@example.com | expunge op hold --identifier email=- --participant verification-images --ground 'dispute 5'",
	}
}

// person takes on whom a hold is to lie.
func person(in io.Reader, op *events.Operation, args, identifiers []string) error {
	lines := bufio.NewReader(in)
	if len(args) > 0 {
		id, err := userID(lines, args[0])
		if err != nil {
			return err
		}
		op.UserID = events.Private(id)
	}
	var err error
	if op.Identifiers, err = attributes(lines, identifiers); err != nil {
		return err
	}
	if len(args)+len(identifiers) == 0 {
		return errors.New("on whom? give USER_ID or --identifier")
	}
	return nil
}

// attributes reads identifiers that are given as type=value, or type=- for a line of input.
func attributes(lines *bufio.Reader, given []string) (ids []events.Identifier, err error) {
	for i, text := range given {
		kind, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--identifier %d: want type=value, such as email=-", i+1)
		}
		if value, err = userID(lines, value); err != nil {
			return nil, err
		}
		ids = append(ids, events.Identifier{Type: events.IdentifierType(kind), Value: events.Private(value)})
	}
	return ids, nil
}

func releaseDeed() deed {
	return deed{
		verb: events.OpRelease, use: "release HOLD", args: cobra.ExactArgs(1),
		short: "Lift a legal hold",
		long:  "Lift a legal hold. What waited for it goes on by itself. expunge holds lists those on record.",
		take: func(op *events.Operation, args []string) error {
			op.Hold = args[0]
			return nil
		},
	}
}
