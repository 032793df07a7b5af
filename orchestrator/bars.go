package orchestrator

import (
	"context"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// bars keep permits back for reasons that no saga knows of. The writer asks them before it
// asks the core.
type bars struct {
	mu          sync.Mutex
	quiet       time.Time            // nothing is granted before; zero: no such time
	unconfirmed bool                 // nothing passes its pivot, and nothing past it is granted
	heldBack    map[saga.ID]Decision // nothing is granted for these
}

func newBars() *bars { return &bars{} }

func (b *bars) waitUntil(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quiet = t
}

func (b *bars) hold(sagas map[saga.ID]Decision, unconfirmed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heldBack, b.unconfirmed = sagas, unconfirmed
}

// unsure reports whether something may have been decided of which nobody can tell.
func (b *bars) unsure() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unconfirmed
}

// holds reports whether a saga is held back, and for what decision.
func (b *bars) holds(id saga.ID) (Decision, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d, ok := b.heldBack[id]
	return d, ok
}

// refusal returns how a claim is refused, if it is.
func (b *bars) refusal(c events.Claim, now time.Time) (events.Refusal, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, held := b.heldBack[saga.ID(c.Saga)]; held {
		return events.Refusal{Reason: events.RefusedParked}, true
	}
	switch {
	case now.Before(b.quiet):
		return events.Refusal{Reason: events.RefusedNotReady, Until: optional(b.quiet)}, true
	case b.unconfirmed && (c.Verb == events.Erase || c.Verb == events.Verify):
		return events.Refusal{Reason: events.RefusedNotReady}, true
	}
	return events.Refusal{}, false
}

// ringWhenQuiet rings for every saga once claims that were refused for the take-over's
// sake would be granted: the doorbells that were answered meanwhile are gone.
func (o *Orchestrator) ringWhenQuiet(ctx context.Context) {
	o.bars.mu.Lock()
	wait := o.bars.quiet.Sub(o.cfg.Now())
	o.bars.mu.Unlock()
	if wait <= 0 {
		return
	}
	sleep(ctx, wait)
	o.ringAll(ctx)
}
