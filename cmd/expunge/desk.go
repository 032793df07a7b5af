package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// desk says how a command reaches the bus as an operator.
type desk struct{ line }

func (d *desk) flags(c *cobra.Command, w world) {
	d.line.flags(c, w, "an operator", "EXPUNGE_OPERATOR")
}

// operate connects, and does or asks one thing.
func (d *desk) operate(ctx context.Context, op events.Operation) (events.Operated, error) {
	nc, err := d.dial(ctx, "operator")
	if err != nil {
		return events.Operated{}, err
	}
	defer nc.Close()
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	done, err := bus.NewOperator(nc).Operate(limited, op)
	return done, d.explain(nc, op, err)
}

const operatorKey = "--nkey takes the key of an operator; whose keys those are is said under nats.accounts.operators of the orchestrator's configuration"

// explain says what an answer, or none, means to who typed the command.
func (d *desk) explain(nc *nats.Conn, op events.Operation, err error) error {
	var problem *bus.ProblemError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problem):
		return adviseOperator(problem, op)
	case errors.Is(err, bus.ErrNoAnswer):
		return withCode(exitNoAnswer, advise(err, "the orchestrator is away: nothing was recorded"))
	case errors.Is(nc.LastError(), nats.ErrPermissionViolation):
		return withCode(exitNoAnswer, advise(errors.New("this connection may not act as an operator"), operatorKey))
	case errors.Is(err, context.DeadlineExceeded) && looks(op.Verb):
		return withCode(exitNoAnswer, advise(fmt.Errorf("no answer in %s: %w", d.timeout, err), "is the orchestrator running?"))
	case errors.Is(err, context.DeadlineExceeded):
		return withCode(exitNoAnswer, advise(fmt.Errorf("no answer in %s: %w", d.timeout, err),
			"it may have been recorded: look with expunge explain or expunge holds before deciding again"))
	}
	return err
}

// looks reports whether a verb only asks.
func looks(v events.OperationVerb) bool { return v == events.OpExplain || v == events.OpHolds }

// adviseOperator says why a decision was refused, and what to do next.
func adviseOperator(refused *bus.ProblemError, op events.Operation) error {
	p := refused.Problem
	if p.Field == "verb" { // nobody typed one
		refused = &bus.ProblemError{Problem: events.Problem{Code: p.Code, Detail: p.Detail}}
	}
	switch {
	case p.Code == events.CodeBusy:
		return refused // it says so itself
	case p.Code == events.CodeUnknown && p.Field == "hold":
		return advise(refused, "expunge holds lists those on record")
	case p.Code == events.CodeUnknown && p.Field == "saga":
		return advise(refused, "expunge explain lists what waits for an operator")
	case p.Field == "realm":
		return advise(refused, "--realm names the user directory that the id belongs to, as in the configuration of the sources")
	case op.Saga != "":
		return advise(refused, "what it waits for: expunge explain %s", op.Saga)
	}
	return advise(refused, "what waits for an operator: expunge explain")
}
