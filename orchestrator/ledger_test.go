package orchestrator_test

import (
	"context"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
)

// ledger is what shelves write down of themselves: every permit that they were given, and
// everything that they did on it. Without one, they write nothing.
type ledger struct {
	pause func() time.Duration // between a permit and what is done on it

	mu     sync.Mutex
	grants []*grant
}

// grant is a permit as its holder sees it.
type grant struct {
	events.Permit
	by, person  string
	asked, got  time.Time
	until       time.Time // its end, counted from before it was asked for
	acted, over time.Time // zero: not
}

func (l *ledger) granted(by string, p events.Permit, asked time.Time) *grant {
	if l == nil {
		return nil
	}
	g := &grant{Permit: p, by: by, person: userOf(p), asked: asked, got: time.Now(), until: asked.Add(time.Duration(p.LifeMS) * time.Millisecond)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grants = append(l.grants, g)
	return g
}

// think takes as long as a system may that is asked to do something.
func (l *ledger) think(ctx context.Context) {
	if l != nil {
		pause(ctx, l.pause())
	}
}

// acts reports whether the permit is still alive, and notes that it is acted on.
func (l *ledger) acts(g *grant) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.After(g.until) {
		g.over = now
		return false
	}
	g.acted = now
	return true
}

func (l *ledger) done(g *grant) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g.over = time.Now()
}

// all returns what is written so far.
func (l *ledger) all() (out []grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.grants {
		out = append(out, *g)
	}
	return out
}

// changes reports whether a permit is for more than to look.
func (g *grant) changes() bool { return g.Verb == events.Erase || g.Verb == events.Suspend }

// allowed reports whether an answer named this permit as one that may still be acted on.
func (g *grant) allowed(alive []events.AlivePermit) bool {
	for _, a := range alive {
		if a.Participant == g.by && a.Verb == g.Verb && !g.acted.After(a.Until) {
			return true
		}
	}
	return false
}

// pause lets time pass, as people and systems do.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
