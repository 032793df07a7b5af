package orchestrator

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// present is how long a worker counts as there after its last hello.
const present = 3 * time.Minute

// presence remembers which workers announced themselves, in memory alone.
type presence struct {
	mu   sync.Mutex
	seen map[string]map[string]time.Time // participant, instance
}

func newPresence() *presence { return &presence{seen: map[string]map[string]time.Time{}} }

// see notes a hello and forgets who is gone, which bounds what a flood of instance names
// can take to what it sends in three minutes.
func (p *presence) see(participant, instance string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[participant] == nil {
		p.seen[participant] = map[string]time.Time{}
	}
	m := p.seen[participant]
	m[instance] = now
	for id, at := range m {
		if now.Sub(at) > present {
			delete(m, id)
		}
	}
}

func (p *presence) count(participant string, now time.Time) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.seen[participant] {
		if now.Sub(at) <= present {
			n++
		}
	}
	return n
}

func (o *Orchestrator) onHello(_ context.Context, c bus.Call) {
	name := c.Token(2)
	_, h, err := events.Decode[events.Hello](c.Header, c.Data)
	if err != nil {
		o.undecodable(c, "hello", name, err)
		return
	}
	o.heard(name, h.Time)
	known := slices.Contains(o.metrics.names, name)
	if known {
		o.presence.see(name, h.Instance, o.cfg.Now())
	}
	o.reply(c, events.Welcome{Time: o.cfg.Now(), Known: known, Fault: o.misfit(name, h)})
}

// misfit says how a worker's abilities disagree with what the plans expect of it.
func (o *Orchestrator) misfit(name string, h events.Hello) string {
	for _, p := range o.cfg.Plans {
		spec, ok := p.Spec(name)
		switch {
		case !ok:
		case !slices.Contains(h.Abilities, events.Erase):
			return "it cannot erase"
		case spec.Verifies() && !slices.Contains(h.Abilities, events.Verify):
			return "plan " + p.Name + " expects it to count; give it that ability, or mark it unverified"
		case spec.Suspends && !slices.Contains(h.Abilities, events.Suspend):
			return "plan " + p.Name + " expects it to suspend and restore"
		case len(spec.Yields) > 0 && !slices.Contains(h.Abilities, events.Resolve):
			return "plan " + p.Name + " expects it to resolve identifiers"
		}
	}
	return ""
}
