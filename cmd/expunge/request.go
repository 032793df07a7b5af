package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/events"
)

type requestOptions struct {
	access
	request     events.Request
	given       []string // identifiers
	event, wait bool
	json        bool
}

func requestCommand(w world) *cobra.Command {
	var o requestOptions
	c := &cobra.Command{
		Use: "request [USER_ID]", Short: "Ask for an erasure",
		Long: `Ask for an erasure of the person with a user id. The answer comes after the request is
committed to disk: from then on it reaches a final state whatever happens.

Who does not know the user id gives identifiers instead. The systems are asked whose they are, and
nothing is touched before they all name one and the same user id, or an operator says which it is.

What is typed as an argument stands in the shell's history and in the list of processes. With -
for USER_ID, or for the value of an identifier, it is read from a line of standard input.

` + exitCodes,
		Example: "  expunge request u-0042 --wait\n  echo u-0042 | expunge request - --source billing --key ticket-4711\n" +
			"  echo mia@example.com | expunge request --identifier email=-",
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if o.event && o.wait {
				return usage(c, errors.New("--event and --wait exclude each other: a stored event has no answer to wait for"))
			}
			if err := o.person(w.in, args); err != nil {
				return usage(c, err)
			}
			return o.run(c.Context(), w)
		},
	}
	o.flags(c, w)
	f := c.Flags()
	f.StringArrayVar(&o.given, "identifier", nil, "instead of USER_ID: an identifier of the person, as type=value; may be given again")
	f.StringVar(&o.request.Plan, "plan", "", "plan; empty: that of the source")
	f.StringVar(&o.request.Regime, "regime", "", "regime, which sets the deadline; empty: that of the source")
	f.StringVar(&o.request.IdempotencyKey, "key", "", "idempotency key: the same one is the same request")
	f.StringVar(&o.request.CorrelationID, "correlation", "", "your own id, returned in every answer and event")
	f.BoolVar(&o.event, "event", false, "store the request on the bus, for an orchestrator that may be away, and do not wait for its answer")
	f.BoolVar(&o.wait, "wait", false, "follow the erasure to its end")
	f.BoolVar(&o.json, "json", false, "print the answer as JSON")
	return c
}

// person takes whom the request is about: one user id, or identifiers.
func (o *requestOptions) person(in io.Reader, args []string) (err error) {
	lines := bufio.NewReader(in)
	switch {
	case len(args) > 0 && len(o.given) > 0:
		return errors.New("USER_ID and --identifier exclude each other: the user id says who it is")
	case len(o.given) > 0:
		o.request.Identifiers, err = attributes(lines, o.given)
		return err
	case len(args) == 0:
		return errors.New("of whom? give USER_ID or --identifier")
	}
	id, err := userID(lines, args[0])
	o.request.UserID = events.Private(id)
	return err
}

// userID is the argument, or the first line of in for "-".
func userID(in io.Reader, arg string) (string, error) {
	if arg == "" {
		return "", errors.New("the user id is empty")
	}
	if arg != "-" {
		return arg, nil
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the user id: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("no user id on standard input")
	}
	return line, nil
}

func (o *requestOptions) run(ctx context.Context, w world) error {
	s, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if o.event {
		return o.publish(ctx, s, w)
	}
	a, err := ask(ctx, s, func(ctx context.Context) (events.Acceptance, error) { return s.client.Request(ctx, o.request) })
	if err != nil {
		return err
	}
	if err := o.show(w, a); err != nil || !o.wait {
		return err
	}
	return watchSaga(ctx, s, w, a.Saga)
}

func (o *requestOptions) show(w world, a events.Acceptance) error {
	if o.json {
		return showJSON(w.out, a)
	}
	showAcceptance(w.out, a)
	return nil
}

func (o *requestOptions) publish(ctx context.Context, s *session, w world) error {
	id := uuid.Must(uuid.NewV7()).String()
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if _, err := s.client.Publish(limited, o.request, id); err != nil {
		return s.explain(err)
	}
	fmt.Fprintln(w.out, "stored    "+id)
	return nil
}
