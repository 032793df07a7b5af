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
	event, wait bool
	json        bool
}

func requestCommand(w world) *cobra.Command {
	var o requestOptions
	c := &cobra.Command{
		Use: "request USER_ID", Short: "Ask for an erasure",
		Long: `Ask for an erasure of the person with a user id. The answer comes after the request is
committed to disk: from then on it reaches a final state whatever happens.

What is typed as an argument stands in the shell's history and in the list of processes. With -
for USER_ID the id is read from standard input.

` + exitCodes,
		Example: "  expunge request u-0042 --wait\n  echo u-0042 | expunge request - --source billing --key ticket-4711",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if o.event && o.wait {
				return usage(c, errors.New("--event and --wait exclude each other: a stored event has no answer to wait for"))
			}
			id, err := userID(w.in, args[0])
			if err != nil {
				return usage(c, err)
			}
			o.request.UserID = events.Private(id)
			return o.run(c.Context(), w)
		},
	}
	o.flags(c, w)
	f := c.Flags()
	f.StringVar(&o.request.Plan, "plan", "", "plan; empty: that of the source")
	f.StringVar(&o.request.Regime, "regime", "", "regime, which sets the deadline; empty: that of the source")
	f.StringVar(&o.request.IdempotencyKey, "key", "", "idempotency key: the same one is the same request")
	f.StringVar(&o.request.CorrelationID, "correlation", "", "your own id, returned in every answer and event")
	f.BoolVar(&o.event, "event", false, "store the request on the bus, for an orchestrator that may be away, and do not wait for its answer")
	f.BoolVar(&o.wait, "wait", false, "follow the erasure to its end")
	f.BoolVar(&o.json, "json", false, "print the answer as JSON")
	return c
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
