package orchestrator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// current returns the holds whose time is not over, the oldest first.
func (h *holds) current(now time.Time) (out []storage.Hold) {
	for _, hold := range h.all {
		if hold.Until.IsZero() || now.Before(hold.Until) {
			out = append(out, hold)
		}
	}
	slices.SortFunc(out, func(a, b storage.Hold) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID)) })
	return out
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
	for _, id := range s.EverKnown() {
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

// holdSince puts a saga that this batch has loaded under the holds that were placed in it
// since, and lifts those that were released.
func (b *batch) holdSince(l *loaded) error {
	if len(b.out.Holds)+len(b.out.Released) == 0 {
		return nil
	}
	return b.holdOn(l, hashes(l.state))
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
func (b *batch) holdsOn(hashes []string) []storage.Hold {
	return slices.DeleteFunc(b.recordedOn(hashes), func(h storage.Hold) bool {
		return !h.Until.IsZero() && !b.now.Before(h.Until)
	})
}

// heldInDoubt reports whether a share is under a hold, or would be if its end were not
// believed: while the clock is in doubt nobody knows whether that has come. Meanwhile none
// goes off the record, see expire.
func (b *batch) heldInDoubt(l *loaded, participant string) bool {
	return b.o.trust.why() != "" && slices.ContainsFunc(b.recordedOn(hashes(l.state)), func(h storage.Hold) bool {
		return h.Participant == "" || h.Participant == participant
	})
}

// recordedOn returns the holds on record that lie on one of the hashes.
func (b *batch) recordedOn(hashes []string) (out []storage.Hold) {
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
		if h, ok := b.holding(id); ok {
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

// takeHolds is what a commit made of the holds.
func (o *Orchestrator) takeHolds(b *batch) {
	for _, h := range b.out.Holds {
		o.holdings.place(h)
	}
	for _, id := range b.out.Released {
		o.holdings.release(id)
	}
}
