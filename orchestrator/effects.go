package orchestrator

import (
	"fmt"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// partition is the last token of claim and report subjects. There is one partition now;
// workers take the subjects from the command and do not look into them.
const partition = "0"

// ring puts a command into the outbox. Its message id carries the issue, so that a second
// doorbell is not taken for the first.
func (b *batch) ring(l *loaded, e saga.Ring) error {
	id := fmt.Sprintf("%s.c%d", l.state.ID, e.Issue)
	return b.message(l, events.SubjectCommand(e.Participant), id, events.Command{
		Saga: string(l.state.ID), Participant: e.Participant, Verb: events.Verb(e.Verb), Round: e.Round, Issue: e.Issue,
		Generation: b.o.generation(), ClaimOn: events.SubjectClaim(e.Participant, partition), ReportOn: events.SubjectReport(e.Participant, partition)})
}

// emit puts a lifecycle event for each source into the outbox.
func (b *batch) emit(l *loaded, e saga.Emit) error {
	about := sourcesOf(l.state)
	if e.Only != nil {
		about = []saga.Request{*e.Only}
	}
	for _, q := range about {
		id := fmt.Sprintf("%s.e%d.%s.%s", l.state.ID, l.state.Seq, e.Kind, q.Source)
		ev := events.Event{Saga: string(l.state.ID), Kind: events.EventKind(e.Kind), State: events.State(l.state.Phase),
			Pseudonym: l.state.Subject, Participant: e.Participant, Reason: clip(e.Reason), At: b.now, Due: l.state.Due,
			Request: q.ID, CorrelationID: q.Correlation}
		if e.Hold != nil {
			ev.Hold, ev.Ground, ev.Until = e.Hold.ID, e.Hold.Ground, optional(e.Hold.Until)
		}
		if err := b.message(l, events.SubjectEvent(ev.Kind, q.Source), id, ev); err != nil {
			return err
		}
	}
	return nil
}

// finish builds the summary's bytes, once, and addresses them to every source. The data
// key goes when the bus has the event of the end: until then nobody but this store knows of
// it, and to a backup that takes its place the saga is under way.
func (b *batch) finish(l *loaded, e saga.Finish) error {
	l.plain = nil
	if e.Found {
		b.ended = append(b.ended, l.state.ID)
		return nil // its summary came from the bus
	}
	sum := summaryOf(l.plan, l.state, e.Head)
	m, err := events.Encode(events.Envelope{ID: string(l.state.ID) + ".summary", Source: envelopeSource, Subject: string(l.state.ID), Time: b.now}, sum)
	if err != nil {
		return fmt.Errorf("summary of %s: %w", l.state.ID, err)
	}
	for _, q := range sourcesOf(l.state) {
		if err := b.message(l, events.SubjectSummary(q.Source), fmt.Sprintf("%s.summary.%s", l.state.ID, q.Source), sum); err != nil {
			return err
		}
	}
	l.summary = m.Data
	return nil
}

// sourcesOf returns the first request of each source, in order.
func sourcesOf(s saga.State) (out []saga.Request) {
	seen := map[string]bool{}
	for _, q := range s.Requests {
		if !seen[q.Source] {
			seen[q.Source] = true
			out = append(out, q)
		}
	}
	return out
}
