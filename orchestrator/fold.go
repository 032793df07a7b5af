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

// decider passes to the core what was decided about a saga after its store was backed up.
// taken is false when the core has no input for it; then nothing changed.
type decider interface {
	decided(b *batch, id saga.ID, d decided) (taken bool, err error)
}

// decided is what the bus says was decided about a saga.
type decided struct {
	kind    Decision
	summary []byte    // as it was published; nil unless the saga ended
	told    []string  // sources that it was published to
	before  time.Time // whoever asked later than that asked after the backup was put back
}

// byCore decides with the core's own input. A saga whose pivot the bus knows of cannot be
// cancelled any more, and is held back all the same: what the newer store had found may be
// erased where it was found, so that nothing found would prove nothing.
type byCore struct{}

func (byCore) decided(b *batch, id saga.ID, d decided) (taken bool, err error) {
	l, err := b.load(id)
	if err != nil {
		return false, err
	}
	switch d.kind {
	case DecidedCancel:
		_, err = b.step(l, saga.Decided{Kind: saga.DecidedCancel})
		return l.state.Phase.Final() || l.state.Phase == saga.Restoring, err
	case DecidedPivot:
		_, err = b.step(l, saga.Decided{Kind: saga.DecidedPivot})
		return false, err
	case DecidedEnd:
		return b.foldEnd(l, d)
	}
	return false, nil
}

// foldEnd ends a saga with the summary that was published, byte for byte, and tells those
// of its sources that it had not reached.
func (b *batch) foldEnd(l *loaded, d decided) (taken bool, err error) {
	_, p, err := events.DecodeAny(summaryHeader(), d.summary)
	sum, ok := p.(events.Summary)
	if err != nil || !ok {
		return false, nil //nolint:nilerr // it is held back, and an operator is told
	}
	if _, err = b.step(l, saga.Decided{Kind: saga.DecidedEnd, End: saga.Phase(sum.State)}); err != nil || !l.state.Phase.Final() {
		return false, err
	}
	l.summary = d.summary
	return true, b.tellEnd(l, sum, d.summary, d.told)
}

// summaryHeader is enough of an envelope to read a summary by.
func summaryHeader() map[string][]string {
	return map[string][]string{"ce-specversion": {"1.0"}, "ce-type": {events.TypeOf(events.Summary{})}, "ce-source": {envelopeSource}, "ce-id": {"stored"}}
}

// fold takes into the store what the bus knows beyond it, and names what the store lacks.
// All of it is one batch: a process that dies before begins anew, from the same bus.
func (o *Orchestrator) fold(ctx context.Context) error {
	f := o.found
	if f == nil {
		return nil
	}
	r, err := o.foldFound(ctx, f)
	if err != nil {
		return fmt.Errorf("what was decided after the backup: %w", err)
	}
	o.adoptRecovery(r)
	o.tell(ctx, r)
	o.compareUntilDone(ctx) // not before: marks of today would hide what is to be folded in
	return nil
}

func (o *Orchestrator) foldFound(ctx context.Context, f *findings) (r Recovery, err error) {
	err = o.insist(ctx, func(b *batch) (err error) {
		if err := b.doubtUndo(); err != nil {
			return err
		}
		if r, err = b.foldAll(f); err != nil {
			return err
		}
		b.tell = append(b.tell, func() { b.o.found = nil }) // the writer's while it writes, see inTheWay
		return b.saveRecovery(r)
	})
	return r, err
}

// insist has the writer do something, again while nothing is recorded.
func (o *Orchestrator) insist(ctx context.Context, do func(*batch) error) error {
	_, err := o.ask(ctx, job{do: do})
	for errors.Is(err, errBusy) && ctx.Err() == nil {
		sleep(ctx, compareRetry)
		_, err = o.ask(ctx, job{do: do})
	}
	return err
}

// doubtUndo is for a store that was put back where the bus tells of nothing that came after.
func (o *Orchestrator) doubtUndo(ctx context.Context) error {
	if !o.outlived && (!o.recovery.get().Unconfirmed || len(o.unsealed) == 0) {
		return nil
	}
	return o.insist(ctx, func(b *batch) error {
		b.meta(metaOutlived, []byte{}) // all that follows from it is in this batch, or was before it
		return b.doubtUndo()
	})
}

// doubtUndo marks the shares that somebody may have suspended after the backup: what a worker
// finds there now is no way back. The bus tells when all shares of a saga were, and not of the
// first ones.
func (b *batch) doubtUndo() error {
	for _, id := range b.o.unsealed {
		if _, err := b.input(id, saga.Decided{Kind: saga.DecidedSuspend}); passOver(err) != nil {
			return err
		}
	}
	return nil
}

func (b *batch) foldAll(f *findings) (Recovery, error) {
	r := b.o.recovery.get()
	r.At, r.Unconfirmed, r.Confirmed = b.now, false, nil
	if r.HeldBack == nil {
		r.HeldBack = map[saga.ID]Decision{}
	}
	b.foldHolds(f)
	for _, id := range f.order {
		if err := b.foldOne(&r, id, f.sagas[id]); err != nil {
			return r, err
		}
	}
	return r, nil
}

// foldHolds takes over the holds that were placed and released after the backup.
func (b *batch) foldHolds(f *findings) {
	for _, h := range f.holds {
		if !slices.Contains(f.released, h.ID) {
			b.out.Holds = append(b.out.Holds, h)
		}
	}
	b.out.Released = append(b.out.Released, f.released...)
}

func (b *batch) foldOne(r *Recovery, id saga.ID, at *finding) error {
	l, err := b.load(id)
	if at.finished || at.cancelled && err == nil { // one that nobody knows may be left suspended
		r.forget(id)
	}
	switch {
	case errors.Is(err, storage.ErrDamaged):
		return nil // it stands still, and was told of
	case errors.Is(err, storage.ErrNotFound):
		r.name(at, nil)
		return nil
	case err != nil:
		return err
	case l.state.Phase.Final():
		return nil
	}
	r.name(at, l.state.Requests)
	d, ok := at.decision()
	if !ok {
		return b.foldWithdrawn(l, at.withdrawn, r.lacks(id))
	}
	if d == DecidedPivot && !l.state.Pivoted.IsZero() {
		return nil
	}
	taken, err := b.o.decider.decided(b, id, decided{kind: d, summary: at.summary, told: at.told, before: b.o.started})
	if err != nil {
		return err
	}
	if !taken {
		r.HeldBack[id] = d
	}
	return nil
}

// foldWithdrawn withdraws the requests that were, of a saga about which nothing else was decided.
func (b *batch) foldWithdrawn(l *loaded, requests []string, more bool) error {
	for _, id := range requests {
		if _, err := b.step(l, saga.Decided{Kind: saga.DecidedWithdrawn, Request: id, More: more}); err != nil {
			return err
		}
	}
	return nil
}

// unknown returns the requests of a saga that stand and are not known.
func (at *finding) unknown(known []saga.Request) (out []UnknownRequest) {
	for _, u := range at.accepted {
		have := slices.ContainsFunc(known, func(q saga.Request) bool { return q.ID == u.Request })
		if !have && !slices.Contains(at.withdrawn, u.Request) {
			out = append(out, u)
		}
	}
	return out
}

// lacks reports whether a saga has requests that the store does not know.
func (r *Recovery) lacks(id saga.ID) bool {
	return slices.ContainsFunc(r.Unknown, func(u UnknownRequest) bool { return u.Saga == id })
}

// forget takes a saga from what an earlier recovery left: it has ended since, in the hands
// of a store that was put back in between and knew it.
func (r *Recovery) forget(id saga.ID) {
	r.Unknown = slices.DeleteFunc(r.Unknown, func(u UnknownRequest) bool { return u.Saga == id })
	delete(r.HeldBack, id)
}

// name lists the requests that are not known, unless their erasure has ended.
func (r *Recovery) name(at *finding, known []saga.Request) {
	r.Unknown = slices.DeleteFunc(r.Unknown, func(u UnknownRequest) bool { return slices.Contains(at.withdrawn, u.Request) })
	if at.finished && len(at.summary) > 0 || at.cancelled && known != nil {
		return // one that nobody knows and that was being restored may be left suspended
	}
	for _, u := range at.unknown(known) {
		same := func(v UnknownRequest) bool { return v.Request == u.Request }
		i := slices.IndexFunc(r.Unknown, same) // left by an earlier recovery
		u.Pivoted = at.pivoted || i >= 0 && r.Unknown[i].Pivoted
		r.Unknown = append(slices.DeleteFunc(r.Unknown, same), u)
	}
}

// tell names everything that an operator must look at.
func (o *Orchestrator) tell(ctx context.Context, r Recovery) {
	for _, u := range r.Unknown {
		o.logger.ErrorContext(ctx, "a request that was accepted is not in the store that was put back: have its source send it again",
			"saga", string(u.Saga), "request", u.Request, "source", u.Source, "correlation_id", u.CorrelationID, "pivoted", u.Pivoted)
	}
	for id, d := range r.HeldBack {
		o.logger.ErrorContext(ctx, "a saga went further than the store that was put back knows: nothing is permitted for it", "saga", string(id), "decided", string(d))
	}
	o.logger.InfoContext(ctx, "recovered from an older store", "unknown_requests", len(r.Unknown), "held_back", len(r.HeldBack))
}
