package participants

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
)

// work acts on a permit and reports what came of it.
func (s *shift) work(j job) { s.deliver(j, s.act(j)) }

// act does what the permit permits, within its life.
func (s *shift) act(j job) events.Report {
	l := newLease(s.acting, j.end)
	defer l.release()
	defer s.renewing(j, l)()

	began := time.Now()
	task := taskOf(j.permit)
	a := act{
		ctx:     withDue(l, task.Due),
		name:    s.cfg.Name,
		can:     s.can,
		task:    task,
		now:     s.cfg.Now,
		log:     s.logOf(j),
		scrub:   scrubber(task),
		prepare: func(r events.Report) (events.Receipt, error) { return s.tell(l, j, r) },
	}
	report := a.do()
	took := time.Since(began)
	s.cfg.Hooks.step(j.command.Verb, report, took)
	a.log.InfoContext(l, "step done", "verdict", report.Verdict, "class", report.Class, "code", report.Code,
		"counted", report.Counts.Total(), "took", took)
	return report
}

// renewing starts the renewal of a permit and returns how to end and join it.
func (s *shift) renewing(j job, l *lease) (stop func()) {
	ctx, cancel := context.WithCancel(l)
	var joined sync.WaitGroup
	joined.Go(func() { s.keepAlive(ctx, j, l) })
	return func() {
		cancel()
		joined.Wait()
	}
}

func taskOf(p events.Permit) Task {
	t := Task{
		Saga:        p.Saga,
		Verb:        p.Verb,
		Round:       p.Round,
		Attempt:     p.Attempt,
		Realm:       p.Realm,
		Identifiers: p.Identifiers,
		Baseline:    p.Baseline,
		MaybeDone:   p.MaybeDone,
		Undo:        p.Undo,
		Items:       p.Items,
	}
	if p.CutOff != nil {
		t.CutOff = *p.CutOff
	}
	if p.Due != nil {
		t.Due = *p.Due
	}
	return t
}

func (s *shift) logOf(j job) *slog.Logger {
	return s.cfg.Logger.With("saga", j.command.Saga, "verb", j.command.Verb, "round", j.command.Round,
		"attempt", j.permit.Attempt)
}
