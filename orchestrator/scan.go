package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// findings are what the bus says beyond the store's last batch.
type findings struct {
	above   uint64 // numbers above it are the store's future
	highest uint64
	sagas   map[saga.ID]*finding
	order   []saga.ID

	holds    []storage.Hold
	released []string

	out map[string]bool // ids of messages that the store knows, and perhaps not that they are out
}

// finding is what the bus says of one saga.
type finding struct {
	accepted                     []UnknownRequest
	withdrawn                    []string // requests, while others stood
	pivoted, cancelled, finished bool
	summary                      []byte
	told                         []string // sources that the summary reached
}

// newer reports whether the store is older than the bus.
func (f *findings) newer() bool { return f.highest > f.above }

// scan reads what was published after a batch. A store that nobody put back
// finds nothing there: it commits before it publishes.
func (o *Orchestrator) scan(ctx context.Context, above, from uint64) (*findings, error) {
	f := &findings{above: above, highest: above, sagas: map[saga.ID]*finding{}, out: map[string]bool{}}
	for m, err := range bus.Replay(ctx, o.cfg.Conn, events.StreamEvents, from) {
		if err != nil {
			return nil, err
		}
		f.take(m)
	}
	for _, name := range o.cfg.participants() {
		m, ok, err := bus.Last(ctx, o.cfg.Conn, events.StreamCommands, events.SubjectCommand(name))
		if err != nil {
			return nil, err
		}
		if ok {
			f.take(m)
		}
	}
	return f, nil
}

// scanFrom is the first sequence that can hold what was published after the last batch:
// the store knows how far the stream was by then.
func (o *Orchestrator) scanFrom(ctx context.Context) (uint64, error) {
	now, err := bus.StreamMark(ctx, o.cfg.Conn, events.StreamEvents)
	if err != nil {
		return 0, err
	}
	o.marks.mu.Lock()
	defer o.marks.mu.Unlock()
	if k := o.marks.streams[events.StreamEvents]; k.Incarnation.Equal(now.Incarnation) {
		return k.Sequence + 1, nil
	}
	return 1, nil
}

// take notes one message; what is not ours, or not newer, says nothing.
func (f *findings) take(m bus.Stored) {
	env, p, err := events.DecodeAny(m.Message.Header, m.Message.Data)
	if err != nil {
		return
	}
	if env.Log <= f.above {
		f.out[m.ID()] = true
		return
	}
	f.highest = max(f.highest, env.Log)
	switch p := p.(type) {
	case events.Event:
		f.event(m.Subject, p)
	case events.Summary:
		at := f.of(saga.ID(p.Saga))
		at.finished, at.summary = true, m.Message.Data
		at.told = append(at.told, sourceOf(m.Subject))
		at.cancelled = at.cancelled || p.State == events.Cancelled
	}
}

func (f *findings) of(id saga.ID) *finding {
	if f.sagas[id] == nil {
		f.sagas[id] = &finding{}
		f.order = append(f.order, id)
	}
	return f.sagas[id]
}

// hold takes a hold, or its release, which is no saga's.
func (f *findings) hold(e events.Event) {
	switch e.Kind {
	case events.KindHeld:
		f.holds = append(f.holds, storage.Hold{On: e.On,
			Hold: saga.Hold{ID: e.Hold, Participant: e.Participant, Ground: e.Ground, By: "the bus", At: e.At, Until: value(e.Until)}})
	case events.KindReleased:
		f.released = append(f.released, e.Hold)
	default:
	}
}

// sourceOf is the last token of a subject, which the server lets nobody else use.
func sourceOf(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }

func (f *findings) event(subject string, e events.Event) {
	if e.Saga == "" {
		f.hold(e)
		return
	}
	at := f.of(saga.ID(e.Saga))
	switch e.Kind {
	case events.KindAccepted:
		at.accepted = append(at.accepted, UnknownRequest{Saga: saga.ID(e.Saga), Request: e.Request, Source: sourceOf(subject), CorrelationID: e.CorrelationID, At: e.At})
	case events.KindWithdrawn:
		at.withdrawn = append(at.withdrawn, e.Request)
	case events.KindErasing:
		at.pivoted = true
	case events.KindCancelled:
		at.cancelled = true
	case events.KindFinished:
		at.finished = true
		at.cancelled = at.cancelled || e.State == events.Cancelled
	case events.KindSuspended, events.KindParked, events.KindResumed, events.KindHeld, events.KindReleased, events.KindRestoring, events.KindExtended:
	}
}

// decision is the last one that was taken, or none.
func (at *finding) decision() (d Decision, ok bool) {
	switch {
	case at.finished && len(at.summary) > 0:
		return DecidedEnd, true
	case at.cancelled:
		return DecidedCancel, true
	case at.finished:
		return DecidedEnd, true
	case at.pivoted:
		return DecidedPivot, true
	}
	return "", false
}

// catchUp begins a recovery if the store is older than the bus. It is folded in before a
// door opens, see fold; that it is owed is durable before anything else is.
func (o *Orchestrator) catchUp(ctx context.Context) error {
	above, begun, err := o.begunRecovery(ctx)
	if err != nil {
		return err
	}
	from := uint64(1)
	if !begun {
		above = o.logOnBus(o.told)
		if from, err = o.scanFrom(ctx); err != nil {
			return err
		}
	}
	f, err := o.scan(ctx, above, from)
	if err != nil {
		return fmt.Errorf("what the bus knows beyond the store: %w", err)
	}
	o.out = f.out
	if !f.newer() {
		return o.countUnconfirmed(ctx, f)
	}
	o.logger.ErrorContext(ctx, "the store is older than the bus: what was decided since is taken from there", "last_batch", f.above, "highest_on_bus", f.highest)
	o.found = f
	o.countOn(f)
	return o.note(ctx, map[string][]byte{
		metaRecovering: strconv.AppendUint(nil, above, 10),
		metaAhead:      strconv.AppendUint(nil, o.ahead, 10),
	})
}

// begunRecovery returns where a recovery began that did not end.
func (o *Orchestrator) begunRecovery(ctx context.Context) (above uint64, begun bool, err error) {
	v, err := o.cfg.Store.Meta(ctx, metaRecovering)
	if errors.Is(err, storage.ErrNotFound) || err == nil && len(v) == 0 {
		return 0, false, nil
	}
	if err == nil {
		above, err = strconv.ParseUint(string(v), 10, 64)
	}
	if err != nil {
		return 0, false, fmt.Errorf("meta %s: %w", metaRecovering, err)
	}
	return above, true, nil
}

// countOn has messages count on from above everything that the bus knows, and everything
// that another copy of the store may have used without telling the bus: a backup of that
// one can be put back as well, and must not take what is decided now for its own past.
func (o *Orchestrator) countOn(f *findings) {
	o.ahead = max(o.ahead, f.highest+logMargin-o.log, o.generation()<<32)
}

// countUnconfirmed is for a store of which the bus knows nothing more. If it was put back
// all the same, its numbers were used by a copy that had nothing to tell.
func (o *Orchestrator) countUnconfirmed(ctx context.Context, f *findings) error {
	unconfirmed := o.recovery.get().Unconfirmed
	if unconfirmed {
		o.logger.ErrorContext(ctx, "the store was put back, and the bus cannot tell what happened since: nothing passes the point of no return, or is done past it, until an operator confirms")
	}
	if !unconfirmed && !o.outlived {
		return nil
	}
	o.countOn(f)
	return o.note(ctx, map[string][]byte{metaAhead: strconv.AppendUint(nil, o.ahead, 10)})
}
