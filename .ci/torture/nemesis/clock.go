package nemesis

import (
	"time"

	"github.com/expunge-io/expunge/torture/proc"
)

// clock sets the wall clock of a process wrong by less than anybody minds. A worker sees it
// at once, the orchestrator when it next starts.
func (h *Hand) clock() error {
	p := h.victim()
	off := h.upTo(40*time.Second) - 20*time.Second
	h.count(&h.counts.Clocks)
	return h.setClock(p, off)
}

// jump sets the wall clock of the orchestrator wrong by minutes while it runs, alone or
// together with the workers as when they share a machine, and puts it right again.
func (h *Hand) jump() error {
	ps := []*proc.Process{h.stage.Orchestrator}
	if h.rng.IntN(3) == 0 {
		ps = append(ps, h.stage.Workers...)
	}
	off := 70*time.Second + h.upTo(2*time.Minute)
	if h.rng.IntN(2) == 0 {
		off = -off
	}
	h.count(&h.counts.Jumps)
	for _, p := range ps {
		if err := h.setClock(p, off); err != nil {
			return err
		}
	}
	h.wait(8*time.Second + h.upTo(12*time.Second)) // it looks every ten seconds
	for _, p := range ps {
		if err := h.setClock(p, 0); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hand) setClock(p *proc.Process, off time.Duration) error {
	h.say("set the clock of %s off by %s", p.Name(), off)
	if p == h.stage.Orchestrator {
		h.mu.Lock()
		if h.skewed.IsZero() {
			h.skewed = time.Now()
		}
		h.mu.Unlock()
	}
	return h.stage.SetClock(p, off)
}

// Skewed is when the orchestrator's clock was first set wrong; zero: never.
func (c *Crew) Skewed() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skewed
}
