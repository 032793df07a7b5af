package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

func statusCommand(w world) *cobra.Command {
	var a access
	var asJSON bool
	c := &cobra.Command{
		Use: "status SAGA", Short: "Say where an erasure stands", Long: "Say where an erasure stands.\n\n" + exitCodes,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.connect(c.Context())
			if err != nil {
				return err
			}
			defer s.close()
			st, err := ask(c.Context(), s, func(ctx context.Context) (events.Status, error) { return s.client.Status(ctx, args[0]) })
			if err != nil {
				return err
			}
			if asJSON {
				return showJSON(w.out, st)
			}
			showStatus(w.out, st)
			return nil
		},
	}
	a.flags(c, w)
	c.Flags().BoolVar(&asJSON, "json", false, "print the answer as JSON")
	return c
}

func watchCommand(w world) *cobra.Command {
	var a access
	c := &cobra.Command{
		Use: "watch [SAGA]", Short: "Follow one erasure to its end, or all of a source as they go",
		Long: `Follow one erasure to its end: a line for each event and for each participant's result, and
then the summary. Without SAGA, print the events of all erasures of the source until interrupted.

` + exitCodes,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.connect(c.Context())
			if err != nil {
				return err
			}
			defer s.close()
			if len(args) == 1 {
				return watchSaga(c.Context(), s, w, args[0])
			}
			return watchAll(c.Context(), s, w)
		},
	}
	a.flags(c, w)
	return c
}

func watchAll(ctx context.Context, s *session, w world) error {
	lines, err := s.events(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(w.err, "watching the erasures of source "+s.source)
	for e := range lines {
		showEvent(w.out, e)
	}
	return nil
}

const statusEvery = 500 * time.Millisecond

// watchSaga follows one saga to its end and prints its summary. A parked saga is not at
// its end: an operator may drive it on.
func watchSaga(ctx context.Context, s *session, w world, saga string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	summaries, err := s.client.Watch(ctx)
	if err != nil {
		return s.explain(err)
	}
	defer summaries.Close()
	p := newProgress(w.out)
	st, err := s.follow(ctx, saga, statusEvery, p.state(), func(st events.Status) bool { return st.State.Final() })
	switch {
	case errors.Is(err, context.Canceled):
		return withCode(exitUnfinished, advise(errors.New("stopped watching; the erasure goes on"), "expunge watch %s", saga))
	case err != nil:
		return err
	}
	showEnd(ctx, w, summaries, st)
	if st.State != events.Completed {
		return withCode(exitUnfinished, fmt.Errorf("the erasure ended as %s", st.State))
	}
	return nil
}

// state shows the participants, and a line whenever the saga itself moves on.
func (p *progress) state() func(events.Status) {
	said := ""
	return func(st events.Status) {
		now := string(st.State)
		if st.Parked != "" {
			now += ", parked: " + st.Parked + " (an operator must act)"
		}
		if now != said && !st.State.Final() {
			fmt.Fprintf(p.out, "  %5.1fs  %s\n", time.Since(p.began).Seconds(), now)
		}
		said = now
		p.show(st)
	}
}

// summaryWait is for a summary that is on its way: it is published after the state is final.
const summaryWait = 2 * time.Second

// showEnd prints the summary, or the status if the summary passed before we listened.
func showEnd(ctx context.Context, w world, summaries *bus.Watch, st events.Status) {
	limited, cancel := context.WithTimeout(ctx, summaryWait)
	defer cancel()
	summary, _, err := summaries.Await(limited, st.Saga)
	if err == nil {
		showSummary(w.out, summary)
		return
	}
	if st.Ended != nil {
		fmt.Fprintf(w.out, "%s in %s\n", st.State, st.Ended.Sub(st.Started).Round(time.Millisecond))
	}
	showStatus(w.out, st)
}
