package orchestrator

import (
	"context"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
)

// bars keep permits back for reasons that no saga knows of. The writer asks them before it
// asks the core.
type bars struct {
	mu    sync.Mutex
	quiet time.Time // nothing is granted before; zero: no such time
}

func newBars() *bars { return &bars{} }

func (b *bars) waitUntil(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quiet = t
}

// refusal returns how a claim is refused, if it is.
func (b *bars) refusal(_ events.Claim, now time.Time) (events.Refusal, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.quiet) {
		return events.Refusal{Reason: events.RefusedNotReady, Until: optional(b.quiet)}, true
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
