package orchestrator

import (
	"context"
	"errors"
	"fmt"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// endpoints are the request/reply doors on the bus. The name of a participant or source
// is the third token of the subject, which the server lets nobody else use.
func (o *Orchestrator) endpoints() []bus.Endpoint {
	return []bus.Endpoint{
		{Name: "request", Subject: events.SubjectRequest("*"), Handler: o.onRequest},
		{Name: "cancel", Subject: events.SubjectCancel("*"), Handler: o.onCancel},
		{Name: "status", Subject: events.SubjectStatus("*"), Handler: o.onStatus},
		{Name: "claim", Subject: events.SubjectClaim("*", ">"), Handler: o.onClaim},
		{Name: "report", Subject: events.SubjectReport("*", ">"), Handler: o.onReport},
		{Name: "operate", Subject: events.SubjectOperate(), Handler: o.onOperate},
		{Name: "hello", Subject: events.SubjectHello("*"), Handler: o.onHello},
	}
}

func (o *Orchestrator) onRequest(_ context.Context, c bus.Call) {
	source := c.Token(2)
	env, r, err := events.Decode[events.Request](c.Header, c.Data)
	if err != nil {
		o.undecodable(c, "request", source, err)
		return
	}
	in, bad := o.fit(source, r, envelopeKey(env))
	if bad != nil {
		o.metrics.rejected.WithLabelValues(o.sourceLabel(source), bad.Code).Inc()
		o.reply(c, *bad)
		return
	}
	o.enqueue(c, job{request: in})
}

// envelopeKey is the idempotency key of a message that says who and which it is.
func envelopeKey(env events.Envelope) string {
	if env.ID == "" {
		return ""
	}
	return "ce:" + env.Source + "\x00" + env.ID
}

func (o *Orchestrator) onCancel(_ context.Context, c bus.Call) {
	_, r, err := events.Decode[events.Cancel](c.Header, c.Data)
	if err != nil {
		o.undecodable(c, "cancel", c.Token(2), err)
		return
	}
	if _, held := o.bars.holds(sagaOf(r.Request)); held {
		o.reply(c, tooLate())
		return
	}
	o.enqueue(c, job{cancel: &cancellation{source: c.Token(2), cancel: r, saga: sagaOf(r.Request)}})
}

func (o *Orchestrator) onClaim(_ context.Context, c bus.Call) {
	_, m, err := events.Decode[events.Claim](c.Header, c.Data)
	if err != nil {
		o.undecodable(c, "claim", c.Token(2), err)
		return
	}
	o.enqueue(c, job{claim: &claim{participant: c.Token(2), claim: m}})
}

func (o *Orchestrator) onReport(_ context.Context, c bus.Call) {
	_, m, err := events.Decode[events.Report](c.Header, c.Data)
	if err != nil {
		o.undecodable(c, "report", c.Token(2), err)
		return
	}
	o.enqueue(c, job{report: &report{participant: c.Token(2), report: m}})
}

// onStatus reads beside the writer: what it shows was committed.
func (o *Orchestrator) onStatus(ctx context.Context, c bus.Call) {
	source := c.Token(2)
	_, q, err := events.Decode[events.StatusQuery](c.Header, c.Data)
	if err != nil {
		o.undecodable(c, "status", source, err)
		return
	}
	select {
	case o.readers <- struct{}{}:
		go func() {
			defer func() { <-o.readers }()
			st, err := o.Status(ctx, source, q.Saga)
			o.reply(c, payloadOr(st, err))
		}()
	default:
		o.reply(c, busy())
	}
}

// payloadOr turns an error into the problem that an asker may see.
func payloadOr(p events.Payload, err error) events.Payload {
	var bad *bus.ProblemError
	switch {
	case err == nil:
		return p
	case errors.As(err, &bad):
		return bad.Problem
	}
	return busy()
}

// enqueue hands a job to the writer and answers the call with what becomes of it. A full
// queue is answered at once: a call that waits here would hold up all others.
func (o *Orchestrator) enqueue(c bus.Call, j job) {
	j.done = func(a answer) {
		if !errors.Is(a.err, errUnknown) {
			o.reply(c, payloadOr(a.payload, a.err))
		}
	}
	select {
	case o.jobs <- j:
	default:
		o.reply(c, busy())
	}
	select {
	case <-o.stopped: // it may have come after the last look into the queue
		o.turnAway()
	default:
	}
}

// reply encodes and sends an answer, unless the bus is not held: it may be its successor's
// to answer. Whoever does not get it asks again.
func (o *Orchestrator) reply(c bus.Call, p events.Payload) {
	if !o.holds() {
		return
	}
	id, err := newID()
	if err != nil {
		o.logger.Error("answer without an id", "error", err)
		return
	}
	m, err := events.Encode(events.Envelope{ID: id, Source: envelopeSource, Time: o.cfg.Now()}, p)
	if err != nil {
		o.logger.Error("answer cannot be encoded", "type", events.TypeOf(p), "error", err)
		return
	}
	if err := c.Reply(m); err != nil {
		o.logger.Warn("answer not sent", "error", err)
	}
}

// undecodable keeps what can be kept of a malformed call, and says which field is wrong.
func (o *Orchestrator) undecodable(c bus.Call, door, source string, err error) {
	bad := malformed(err)
	o.metrics.deadLetters.WithLabelValues(door).Inc()
	if door == "request" {
		o.metrics.rejected.WithLabelValues(o.sourceLabel(source), bad.Code).Inc()
	}
	d := o.deadLetter(door, o.callerLabel(door, source), c.Data, err)
	select {
	case o.jobs <- job{dead: &d}:
	default: // bounded and best effort: the asker is told either way
	}
	o.reply(c, bad)
}

// malformed shows the first fault; the field is named, its value is not.
func malformed(err error) events.Problem {
	if f, ok := errors.AsType[*events.FieldError](err); ok {
		return *problem(events.CodeInvalid, f.Field, f.Problem)
	}
	return *problem(events.CodeInvalid, "", "the message is of another type")
}

// callerLabel names who called a door: a participant or a source, if it is configured.
func (o *Orchestrator) callerLabel(door, name string) string {
	switch door {
	case "claim", "report", "hello":
		return o.metrics.participant(name)
	}
	return o.sourceLabel(name)
}

func (o *Orchestrator) deadLetter(origin, caller string, data []byte, err error) storage.DeadLetter {
	return storage.DeadLetter{At: o.cfg.Now(), Origin: origin, Source: caller, Size: len(data),
		Digest: o.cfg.Keys.Hash("payload", string(data)), Fault: err.Error()}
}

func (o *Orchestrator) sourceLabel(name string) string {
	if _, ok := o.cfg.Sources[name]; ok {
		return name
	}
	return "other"
}

// Submit is the door for HTTP: it returns after the commit. A request that is refused is a
// *bus.ProblemError.
func (o *Orchestrator) Submit(ctx context.Context, source string, r events.Request) (events.Acceptance, error) {
	in, bad := o.fit(source, r, "")
	if bad != nil {
		o.metrics.rejected.WithLabelValues(o.sourceLabel(source), bad.Code).Inc()
		return events.Acceptance{}, &bus.ProblemError{Problem: *bad}
	}
	p, err := o.ask(ctx, job{request: in})
	if errors.Is(err, errBusy) {
		return events.Acceptance{}, &bus.ProblemError{Problem: busy()}
	}
	if err != nil {
		return events.Acceptance{}, err
	}
	if bad, refused := p.(events.Problem); refused {
		o.metrics.rejected.WithLabelValues(o.sourceLabel(source), bad.Code).Inc()
		return events.Acceptance{}, &bus.ProblemError{Problem: bad}
	}
	a, ok := p.(events.Acceptance)
	if !ok {
		return events.Acceptance{}, errors.New("a request without an acceptance")
	}
	return a, nil
}

// Status returns where a saga stands that serves a request of the source; for any other
// saga the error is a *bus.ProblemError with events.CodeUnknown.
func (o *Orchestrator) Status(ctx context.Context, source, id string) (events.Status, error) {
	s, err := o.own(ctx, source, id)
	if err != nil {
		return events.Status{}, err
	}
	out := statusOf(s, o.cfg.Now())
	if d, held := o.bars.holds(s.ID); held {
		out.Parked = restoredSince(d)
	}
	if s.Phase != saga.CompletedWithExceptions {
		return out, nil
	}
	out.Exceptions, err = o.exceptions(ctx, s.ID)
	return out, err
}

// exceptions are those of a saga that ended, as its summary tells them.
func (o *Orchestrator) exceptions(ctx context.Context, id saga.ID) ([]events.Exception, error) {
	data, err := o.cfg.Store.Summary(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("summary of %s: %w", id, err)
	}
	_, sum, err := events.Decode[events.Summary](nil, data)
	if err != nil {
		return nil, fmt.Errorf("summary of %s: %w", id, err)
	}
	return sum.Exceptions, nil
}

// Summary returns the bytes of a saga's summary, for a source that it serves. While the
// saga is under way the error wraps storage.ErrNotFound.
func (o *Orchestrator) Summary(ctx context.Context, source, id string) ([]byte, error) {
	if _, err := o.own(ctx, source, id); err != nil {
		return nil, err
	}
	return o.cfg.Store.Summary(ctx, saga.ID(id))
}

func (o *Orchestrator) own(ctx context.Context, source, id string) (saga.State, error) {
	s, err := o.cfg.Store.Load(ctx, saga.ID(id))
	unknown := &bus.ProblemError{Problem: *problem(events.CodeUnknown, "saga", "no such saga of this source")}
	if errors.Is(err, storage.ErrNotFound) {
		return s, unknown
	}
	if err != nil {
		return s, err
	}
	if !o.holds() {
		return s, &bus.ProblemError{Problem: busy()} // what the store says may be out of date
	}
	for _, q := range s.Requests {
		if q.Source == source {
			return s, nil
		}
	}
	return saga.State{}, unknown
}
