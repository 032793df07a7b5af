package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// placeHold puts a hold on record, durably, and every saga that it lies on under it.
func (o *Orchestrator) placeHold(ctx context.Context, op events.Operation) (events.Payload, error) {
	switch bad, err := o.unfitHold(ctx, op); {
	case err != nil:
		return nil, err
	case bad != nil:
		return *bad, nil
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	hold := storage.Hold{Hold: saga.Hold{ID: id, Participant: op.Participant, Ground: op.Ground, By: op.By, At: o.cfg.Now(), Until: value(op.Until)}}
	if op.UserID != "" {
		hold.On = o.cfg.Keys.HashAll(vault.Subject, op.Realm, op.UserID.Reveal())
	}
	hold.On = append(hold.On, o.personHashes("", "", op.Identifiers)...)
	answer, err := o.ask(ctx, job{operate: func(b *batch) (events.Payload, error) {
		from := len(b.out.Outbox)
		b.out.Holds = append(b.out.Holds, hold)
		if err := b.holdDecided(events.KindHeld, hold); err != nil {
			return nil, err
		}
		b.waitFor(from)
		return events.Operated{Hold: id}, nil
	}})
	if err != nil {
		return nil, err
	}
	out, _ := answer.(events.Operated)
	o.logger.WarnContext(ctx, "a legal hold is on record", "hold", id, "participant", op.Participant, "by", op.By, "ground", op.Ground)
	// From here on no saga is touched without it. What is left is to tell whom it concerns.
	return o.tellHeld(ctx, hold, out, "the hold is on record"), nil
}

func (o *Orchestrator) hasRealm(name string) bool {
	for _, s := range o.cfg.Sources {
		if s.Realm == name {
			return true
		}
	}
	return false
}

// tellHeld completes the answer to a decision about a hold, which is on record by now: a
// saga that cannot be looked at does not make it undone.
func (o *Orchestrator) tellHeld(ctx context.Context, hold storage.Hold, out events.Operated, done string) events.Operated {
	out, err := o.touchHeld(ctx, hold, out)
	if err != nil {
		o.logger.WarnContext(ctx, "not every saga could be looked at for a hold", "hold", hold.ID, "error", err)
		out.Explain = done + "; not all sagas could be looked at, so there may be more than are named here"
		return out
	}
	out.Explain = done + "; it concerns " + number(len(out.Sagas), "saga") + " under way"
	return out
}

// touchHeld has every saga that a hold lies on noticed, and collects what may still be
// done on permits that were given before.
func (o *Orchestrator) touchHeld(ctx context.Context, hold storage.Hold, out events.Operated) (events.Operated, error) {
	var faults []error
	for s, err := range o.cfg.Store.Live(ctx) {
		if errors.Is(err, storage.ErrDamaged) {
			continue
		}
		if err != nil {
			return out, errors.Join(append(faults, err)...)
		}
		if !slices.ContainsFunc(hashes(s), func(hash string) bool { return slices.Contains(hold.On, hash) }) {
			continue
		}
		out.Sagas = append(out.Sagas, string(s.ID))
		permits, err := o.touch(ctx, s.ID)
		if err != nil {
			faults = append(faults, fmt.Errorf("saga %s: %w", s.ID, err))
		}
		out.Alive = append(out.Alive, permits...)
	}
	return out, errors.Join(faults...)
}

// touch loads a saga, which is compared with all holds thereby, and returns what may still
// be acted on.
func (o *Orchestrator) touch(ctx context.Context, id saga.ID) ([]events.AlivePermit, error) {
	p, err := o.ask(ctx, job{operate: func(b *batch) (events.Payload, error) {
		l, err := b.load(id)
		if err != nil {
			return nil, err
		}
		return events.Operated{Alive: alive(l.state.Alive(b.now))}, nil
	}})
	one, _ := p.(events.Operated)
	return one.Alive, err
}

// releaseHold lifts a hold. What waited for it goes on by itself.
func (o *Orchestrator) releaseHold(ctx context.Context, op events.Operation) (events.Payload, error) {
	var released storage.Hold
	answer, err := o.ask(ctx, job{operate: func(b *batch) (events.Payload, error) {
		hold, ok := b.holding(op.Hold)
		if !ok {
			return *problem(events.CodeUnknown, "hold", "no such hold is on record"), nil
		}
		released = hold
		released.Ground, released.By, released.At = op.Ground, op.By, b.now
		from := len(b.out.Outbox)
		b.out.Released = append(b.out.Released, op.Hold)
		if err := b.holdDecided(events.KindReleased, released); err != nil {
			return nil, err
		}
		b.waitFor(from)
		return events.Operated{Hold: op.Hold}, nil
	}})
	out, ok := answer.(events.Operated)
	if err != nil || !ok {
		return answer, err
	}
	o.logger.WarnContext(ctx, "a legal hold is lifted", "hold", op.Hold, "by", op.By, "ground", op.Ground)
	return o.tellHeld(ctx, released, out, "the hold is lifted"), nil
}

// listHolds tells which holds are on record. Those whose time is over do not count any more.
func (o *Orchestrator) listHolds(ctx context.Context) (events.Payload, error) {
	return o.ask(ctx, job{operate: func(b *batch) (events.Payload, error) {
		out := events.Operated{Replicated: true}
		for _, h := range o.holdings.current(b.now) {
			out.Holds = append(out.Holds, events.LegalHold{Hold: h.ID, Participant: h.Participant, Ground: h.Ground, By: h.By, At: h.At, Until: optional(h.Until)})
		}
		out.Explain = number(len(out.Holds), "legal hold") + " on record"
		out.Holds = out.Holds[:min(len(out.Holds), longestList)]
		return out, nil
	}})
}

// holdDecided publishes a hold, or its release, for operators: it may lie on somebody whom no
// saga is about.
func (b *batch) holdDecided(kind events.EventKind, h storage.Hold) error {
	ev := events.Event{Kind: kind, Participant: h.Participant, At: h.At, Hold: h.ID, Ground: h.Ground, Until: optional(h.Until), On: h.On}
	return b.message(&loaded{}, events.SubjectDecision(), fmt.Sprintf("%s.%s", h.ID, kind), ev)
}
