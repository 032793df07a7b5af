package participantstest

import (
	"context"
	"errors"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// ErrNoReport says that the worker ended without a report.
var ErrNoReport = errors.New("no report")

// Do has a participant carry out one verb for the person named by ids, as a worker of the
// name does, and returns the report. The error is that of the worker's configuration or of
// ctx.
func Do(ctx context.Context, name string, p participants.Participant, verb events.Verb, ids ...events.Identifier) (events.Report, error) {
	return NewOrchestrator(name, ids...).Do(ctx, p, verb)
}

// Do is the function of that name at this orchestrator, which remembers what was prepared:
// one call may suspend and a later one restore. One call must end before the next.
func (o *Orchestrator) Do(ctx context.Context, p participants.Participant, verb events.Verb) (events.Report, error) {
	w, err := participants.NewWorker(participants.Config{Name: o.Participant, Participant: p, Bus: o})
	if err != nil {
		return events.Report{}, err
	}
	run, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(run) }()
	o.Ring(o.Command("saga-1", verb))
	for {
		select {
		case r := <-o.Reports:
			if r.Verdict == events.Prepared {
				continue
			}
			stop()
			return r, <-ended
		case err := <-ended:
			return events.Report{}, errors.Join(ErrNoReport, err, ctx.Err())
		}
	}
}
