package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// clockSlack is how far the wall clock may have gone back between two starts: what happened
// that much before a loss is told again as well.
const clockSlack = 10 * time.Minute

// eventsKept is how long the event stream keeps anything.
const eventsKept = 90 * 24 * time.Hour

// repay publishes again what the bus has lost, until ctx ends.
func (o *Orchestrator) repay(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.marks.owing:
		}
		err := o.repayAll(ctx)
		for err != nil && ctx.Err() == nil {
			o.logger.WarnContext(ctx, "what the bus lost is not all published again; it is tried again", "error", err)
			sleep(ctx, retryWake)
			err = o.repayAll(ctx)
		}
	}
}

// repayAll puts what is owed into the outbox. Whatever stops it, it begins anew: told twice
// is better than not at all.
func (o *Orchestrator) repayAll(ctx context.Context) error {
	owed, at := o.marks.due()
	if owed.Doorbells {
		o.ringAll(ctx)
	}
	if owed.Events != nil {
		since := owed.Events.Add(-clockSlack)
		if oldest := o.cfg.Now().Add(-eventsKept); since.Before(oldest) {
			since = oldest
		}
		if err := errors.Join(o.retellLive(ctx, since), o.retellFinished(ctx, since)); err != nil {
			return err
		}
	}
	o.marks.settle(at)
	b, err := o.marks.bytes()
	if err != nil {
		return err
	}
	return o.learn(ctx, map[string][]byte{metaMarks: b})
}

// retellLive tells the decisions of the sagas under way: that requests were accepted and
// withdrawn, and that the pivot was passed. What else there was to tell is in the saga's
// status.
func (o *Orchestrator) retellLive(ctx context.Context, since time.Time) error {
	for ids := range slices.Chunk(o.live.ids(), retoldTogether) {
		err := o.outboxWith(ctx, func(b *batch) error {
			for _, id := range ids {
				l, err := b.load(id)
				if err == nil {
					err = errors.Join(b.retell(l, since), b.retellWithdrawn(l, since))
				}
				if passOver(err) != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// retoldTogether is how many sagas are told of in one batch.
const retoldTogether = 64

// retellFinished tells the decisions and the summaries of sagas that ended.
func (o *Orchestrator) retellFinished(ctx context.Context, since time.Time) error {
	var ended []saga.State
	tell := func() error {
		some := ended
		ended = nil
		return o.outboxWith(ctx, func(b *batch) error {
			for _, s := range some {
				if err := b.retellEnd(s, since); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for id, err := range o.cfg.Store.Finished(ctx, "") {
		var s saga.State
		if err == nil {
			s, err = o.cfg.Store.Load(ctx, id)
		}
		switch {
		case passOver(err) != nil:
			return fmt.Errorf("sagas that ended: %w", err)
		case err != nil || s.Ended.Before(since):
			continue
		}
		if ended = append(ended, s); len(ended) == retoldTogether {
			if err := tell(); err != nil {
				return err
			}
		}
	}
	return tell()
}

// outboxWith has the writer put messages into the outbox, and waits while too many are in it.
func (o *Orchestrator) outboxWith(ctx context.Context, put func(*batch) error) error {
	if _, err := o.ask(ctx, job{do: put}); err != nil {
		return err
	}
	return o.patience(ctx)
}

// passOver is nil for a saga that is damaged, or not there any more.
func passOver(err error) error {
	if errors.Is(err, storage.ErrDamaged) || errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// mostWaiting bounds how much of what is told again waits for the bus at a time.
const mostWaiting = 4096

func (o *Orchestrator) patience(ctx context.Context) error {
	for {
		if n, _ := o.relay.depth(); n < mostWaiting || ctx.Err() != nil {
			return ctx.Err()
		}
		sleep(ctx, firstPause)
	}
}

// retell puts the decisions of a saga that were made since then into the outbox again.
func (b *batch) retell(l *loaded, since time.Time) error {
	for _, q := range l.state.Requests {
		if q.At.Before(since) {
			continue
		}
		if err := b.decision(l, q, events.KindAccepted, q.At); err != nil {
			return err
		}
	}
	if l.state.Pivoted.Before(since) {
		return nil
	}
	return b.decisions(l, events.KindErasing, l.state.Pivoted)
}

// retellWithdrawn tells which requests of a saga under way were withdrawn, and that it is
// called off. Once it has passed the pivot, or ended, that says it all.
func (b *batch) retellWithdrawn(l *loaded, since time.Time) error {
	withdrawn := func(q saga.Request) bool { return q.Withdrawn }
	if !l.state.Pivoted.IsZero() || !slices.ContainsFunc(l.state.Requests, withdrawn) {
		return nil
	}
	history, err := b.o.cfg.Store.History(b.ctx, l.state.ID)
	if err != nil {
		return err
	}
	for _, e := range history {
		switch {
		case e.At.Before(since):
		case e.Kind == saga.KPhase && e.Phase == saga.Restoring:
			err = b.decisions(l, events.KindCancelled, e.At)
		case e.Request != nil && (e.Kind == saga.KWithdrawn || e.Kind == saga.KDecided):
			err = b.decision(l, *e.Request, events.KindWithdrawn, e.At)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) decisions(l *loaded, k events.EventKind, at time.Time) error {
	for _, q := range sourcesOf(l.state) {
		if err := b.decision(l, q, k, at); err != nil {
			return err
		}
	}
	return nil
}

// decision tells one event again. Its id is not that of the first time, which the state does
// not hold: who has seen that knows it by saga, request and kind.
func (b *batch) decision(l *loaded, q saga.Request, k events.EventKind, at time.Time) error {
	return b.message(l, events.SubjectEvent(k, q.Source), fmt.Sprintf("%s.again.%s", q.ID, k), events.Event{
		Saga: string(l.state.ID), Kind: k, State: events.State(l.state.Phase), Pseudonym: l.state.Subject,
		At: at, Due: l.state.Due, Request: q.ID, CorrelationID: q.Correlation})
}

// retellEnd tells how a saga ended, with the summary's bytes as they were built once.
func (b *batch) retellEnd(s saga.State, since time.Time) error {
	l := &loaded{state: s}
	if err := b.retell(l, since); err != nil {
		return err
	}
	if s.Phase == saga.Cancelled {
		if err := b.decisions(l, events.KindCancelled, s.Ended); err != nil {
			return err
		}
	}
	if err := b.decisions(l, events.KindFinished, s.Ended); err != nil {
		return err
	}
	return b.summaryAgain(l)
}

func (b *batch) summaryAgain(l *loaded) error {
	data, err := b.o.cfg.Store.Summary(b.ctx, l.state.ID)
	if err != nil {
		return passOver(err)
	}
	_, sum, err := events.Decode[events.Summary](nil, data)
	if err != nil {
		return fmt.Errorf("summary of %s: %w", l.state.ID, err)
	}
	return b.tellEnd(l, sum, data, nil)
}

// tellEnd publishes a summary, byte for byte, to the sources that have not been told.
func (b *batch) tellEnd(l *loaded, sum events.Summary, data []byte, told []string) error {
	for _, q := range sourcesOf(l.state) {
		if slices.Contains(told, q.Source) {
			continue
		}
		if err := b.message(l, events.SubjectSummary(q.Source), fmt.Sprintf("%s.summary.%s", l.state.ID, q.Source), sum); err != nil {
			return err
		}
		b.out.Outbox[len(b.out.Outbox)-1].Data = data
	}
	return nil
}
