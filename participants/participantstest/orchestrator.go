package participantstest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// NakDelay is when a doorbell that was handed back rings again.
const NakDelay = time.Second

// Orchestrator is a [participants.Bus] in memory. It grants every claim and accepts every
// report, unless a function says otherwise; one that returns nil gives no answer at all.
// What a suspend prepares it remembers by saga, and hands it out in later permits to
// suspend and to restore.
// The fields must not be changed once a worker runs; the functions are called from several
// goroutines.
type Orchestrator struct {
	Participant string
	Realm       string
	Identifiers []events.Identifier // of every permit
	Baseline    events.Counts       // of every permit
	Items       []events.Item       // of every permit; nil: the whole share
	CutOff      *time.Time          // of every permit; nil: none
	Life        time.Duration       // of every permit; 0: a minute

	OnClaim  func(events.Claim) events.Payload // also a renewal: Claim.Permit is set then
	OnReport func(events.Report) events.Payload
	OnHello  func(events.Hello) events.Payload

	Reports chan events.Report // every report that came, in order; buffered

	rings chan participants.Doorbell
	mu    sync.Mutex
	log   []events.Payload
	undo  map[string]events.Private // by saga: the first that was prepared
}

// NewOrchestrator returns an orchestrator for one participant, whose permits name the
// person by ids.
func NewOrchestrator(participant string, ids ...events.Identifier) *Orchestrator {
	return &Orchestrator{
		Participant: participant,
		Realm:       "example",
		Identifiers: ids,
		Reports:     make(chan events.Report, 1024),
		rings:       make(chan participants.Doorbell, 1024),
		undo:        map[string]events.Private{},
	}
}

// Command returns the first command of a step.
func (o *Orchestrator) Command(saga string, verb events.Verb) events.Command {
	return events.Command{
		Saga:        saga,
		Participant: o.Participant,
		Verb:        verb,
		Round:       1,
		Issue:       1,
		Generation:  1,
		ClaimOn:     events.SubjectClaim(o.Participant, "0"),
		ReportOn:    events.SubjectReport(o.Participant, "0"),
	}
}

// Ring delivers a command until it is acked. The result is closed then.
func (o *Orchestrator) Ring(c events.Command) (acked <-chan struct{}) {
	return o.RingDoorbell(participants.Doorbell{Command: c})
}

// RingDoorbell is Ring for any delivery; its Ack and Nak are set here.
func (o *Orchestrator) RingDoorbell(d participants.Doorbell) (acked <-chan struct{}) {
	done := make(chan struct{})
	d.Ack = sync.OnceFunc(func() { close(done) })
	d.Nak = func() { time.AfterFunc(NakDelay, func() { o.rings <- d }) }
	o.rings <- d
	return done
}

// Seen returns every claim, report and hello that came, in order.
func (o *Orchestrator) Seen() []events.Payload {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]events.Payload(nil), o.log...)
}

// Commands implements [participants.Bus].
func (o *Orchestrator) Commands(ctx context.Context, participant string, inFlight int) (<-chan participants.Doorbell, error) {
	if participant != o.Participant {
		return nil, fmt.Errorf("no commands for %s", participant)
	}
	out := make(chan participants.Doorbell)
	free := make(chan struct{}, inFlight)
	go func() {
		defer close(out)
		for ctx.Err() == nil {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			select {
			case d := <-o.rings:
				out <- limited(d, free)
			case <-ctx.Done():
			}
		}
	}()
	return out, nil
}

// limited frees a place among those in flight when the doorbell is answered.
func limited(d participants.Doorbell, free <-chan struct{}) participants.Doorbell {
	ack, nak := d.Ack, d.Nak
	d.Ack = func() { ack(); <-free }
	d.Nak = func() { nak(); <-free }
	return d
}

// Ask implements [participants.Bus]. Messages pass the real codec both ways.
func (o *Orchestrator) Ask(ctx context.Context, subject string, e events.Envelope, m events.Payload) (events.Payload, error) {
	m, err := recode(e, m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", participants.ErrUnsendable, err)
	}
	o.note(m)
	answer := o.answer(subject, m)
	if answer == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return recode(events.Envelope{ID: e.ID, Source: "/expunge", Subject: e.Subject, Time: e.Time}, answer)
}

func recode(e events.Envelope, m events.Payload) (events.Payload, error) {
	encoded, err := events.Encode(e, m)
	if err != nil {
		return nil, err
	}
	_, decoded, err := events.DecodeAny(encoded.Header, encoded.Data)
	return decoded, err
}

func (o *Orchestrator) note(m events.Payload) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.log = append(o.log, m)
}

func (o *Orchestrator) answer(subject string, m events.Payload) events.Payload {
	switch m := m.(type) {
	case events.Claim:
		if subject == events.SubjectClaim(o.Participant, "0") {
			return or(o.OnClaim, o.grant)(m)
		}
	case events.Report:
		if subject == events.SubjectReport(o.Participant, "0") {
			o.Reports <- m
			return or(o.OnReport, o.received)(m)
		}
	case events.Hello:
		if subject == events.SubjectHello(o.Participant) {
			return or(o.OnHello, welcome)(m)
		}
	}
	return events.Problem{Code: events.CodeInvalid, Detail: "not for this subject"}
}

func or[M any](f, otherwise func(M) events.Payload) func(M) events.Payload {
	if f == nil {
		return otherwise
	}
	return f
}

func (o *Orchestrator) grant(c events.Claim) events.Payload { return o.Permit(c) }

// Permit returns the permit that grants a claim: always the same one for a step.
func (o *Orchestrator) Permit(c events.Claim) events.Permit {
	life := o.Life
	if life == 0 {
		life = time.Minute
	}
	return events.Permit{
		Permit:      fmt.Sprintf("%s-%s-%d", c.Saga, c.Verb, c.Round),
		Saga:        c.Saga,
		Verb:        c.Verb,
		Round:       c.Round,
		Attempt:     1,
		Generation:  1,
		LifeMS:      life.Milliseconds(),
		Realm:       o.Realm,
		Identifiers: o.Identifiers,
		Baseline:    o.Baseline,
		Undo:        o.undoFor(c),
		Items:       o.Items,
		CutOff:      o.CutOff,
	}
}

func welcome(h events.Hello) events.Payload { return events.Welcome{Time: h.Time, Known: true} }
