package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// holds are all legal holds that are on record. The writer compares every saga with them
// whenever it touches one, so that no permit and no pivot slips past a hold.
type holds struct {
	all map[string]storage.Hold
	on  map[string][]string // keyed hash: ids of holds
}

func newHolds() *holds { return &holds{all: map[string]storage.Hold{}, on: map[string][]string{}} }

func (h *holds) place(hold storage.Hold) {
	h.release(hold.ID)
	h.all[hold.ID] = hold
	for _, hash := range hold.On {
		h.on[hash] = append(h.on[hash], hold.ID)
	}
}

func (h *holds) release(id string) {
	for _, hash := range h.all[id].On {
		h.on[hash] = slices.DeleteFunc(h.on[hash], func(other string) bool { return other == id })
		if len(h.on[hash]) == 0 {
			delete(h.on, hash)
		}
	}
	delete(h.all, id)
}

// over returns the holds whose time is over.
func (h *holds) over(now time.Time) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(h.all)) {
		if until := h.all[id].Until; !until.IsZero() && !now.Before(until) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (o *Orchestrator) recoverHolds(ctx context.Context) error {
	for h, err := range o.cfg.Store.Holds(ctx) {
		if err != nil {
			return fmt.Errorf("holds: %w", err) // nobody can say on whom a damaged one lies
		}
		o.holdings.place(h)
	}
	return nil
}

// hashes are what holds can lie on, as far as a saga's state tells.
func hashes(s saga.State) []string {
	out := []string{s.Subject}
	for _, id := range s.Identifiers {
		out = append(out, id.Hash)
	}
	return out
}

// holdings returns the hold with this id, as this batch sees it.
func (b *batch) holding(id string) (storage.Hold, bool) {
	if slices.Contains(b.out.Released, id) {
		return storage.Hold{}, false
	}
	for _, h := range b.out.Holds {
		if h.ID == id {
			return h, true
		}
	}
	h, ok := b.o.holdings.all[id]
	return h, ok
}

// holdOn puts a saga under every hold that lies on one of the hashes, and lifts those that
// are on record no more.
func (b *batch) holdOn(l *loaded, hashes []string) error {
	if l.state.Phase.Final() {
		return nil
	}
	for _, had := range l.state.Holds {
		if _, still := b.holding(had.ID); !still {
			if _, err := b.step(l, saga.HoldReleased{ID: had.ID, Ground: "released"}); err != nil {
				return err
			}
		}
	}
	for _, hold := range b.holdsOn(hashes) {
		if slices.ContainsFunc(l.state.Holds, func(have saga.Hold) bool { return have.ID == hold.ID }) {
			continue
		}
		if _, err := b.step(l, saga.HoldPlaced{Hold: hold.Hold}); err != nil {
			return err
		}
	}
	return nil
}

// holdsOn returns the holds that lie on one of the hashes and whose time is not over.
func (b *batch) holdsOn(hashes []string) (out []storage.Hold) {
	ids := map[string]bool{}
	for _, hash := range hashes {
		for _, id := range b.o.holdings.on[hash] {
			ids[id] = true
		}
	}
	for _, h := range b.out.Holds {
		if slices.ContainsFunc(h.On, func(on string) bool { return slices.Contains(hashes, on) }) {
			ids[h.ID] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if h, ok := b.holding(id); ok && (h.Until.IsZero() || b.now.Before(h.Until)) {
			out = append(out, h)
		}
	}
	return out
}

// personHashes are the hashes, under all versions of the key, of what a request or a hold
// says of a person.
func (o *Orchestrator) personHashes(realm, userID string, ids []events.Identifier) (out []string) {
	if userID != "" {
		out = append(out, o.cfg.Keys.HashAll(vault.Subject, realm, userID)...)
		out = append(out, o.cfg.Keys.HashAll("identifier", saga.UserID, userID)...)
	}
	for _, id := range ids {
		out = append(out, o.cfg.Keys.HashAll("identifier", string(id.Type), id.Value.Reveal())...)
	}
	return out
}

// placeHold puts a hold on record, durably, and every saga that it lies on under it.
func (o *Orchestrator) placeHold(ctx context.Context, op events.Operation) (events.Payload, error) {
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
	// From here on no saga is touched without it. What is left is to tell whom it concerns.
	return o.touchHeld(ctx, hold, out)
}

// touchHeld has every saga that a hold lies on noticed, and collects what may still be
// done on permits that were given before.
func (o *Orchestrator) touchHeld(ctx context.Context, hold storage.Hold, out events.Operated) (events.Payload, error) {
	for s, err := range o.cfg.Store.Live(ctx) {
		if errors.Is(err, storage.ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(hashes(s), func(hash string) bool { return slices.Contains(hold.On, hash) }) {
			continue
		}
		p, err := o.ask(ctx, job{operate: func(b *batch) (events.Payload, error) {
			l, err := b.load(s.ID)
			if err != nil {
				return nil, err
			}
			return events.Operated{Alive: alive(l.state.Alive(b.now))}, nil
		}})
		if err != nil {
			return nil, err
		}
		if one, ok := p.(events.Operated); ok {
			out.Alive, out.Sagas = append(out.Alive, one.Alive...), append(out.Sagas, string(s.ID))
		}
	}
	return out, nil
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
	return o.touchHeld(ctx, released, out)
}

// holdDecided publishes a hold, or its release, for operators: it may lie on somebody whom no
// saga is about.
func (b *batch) holdDecided(kind events.EventKind, h storage.Hold) error {
	ev := events.Event{Kind: kind, Participant: h.Participant, At: h.At, Hold: h.ID, Ground: h.Ground, Until: optional(h.Until), On: h.On}
	return b.message(&loaded{}, events.SubjectDecision(), fmt.Sprintf("%s.%s", h.ID, kind), ev)
}

// takeHolds is what a commit made of the holds.
func (o *Orchestrator) takeHolds(b *batch) {
	for _, h := range b.out.Holds {
		o.holdings.place(h)
	}
	for _, id := range b.out.Released {
		o.holdings.release(id)
	}
}
