package nemesis

import (
	"time"

	"github.com/expunge-io/expunge/torture/proc"
	"github.com/expunge-io/expunge/torture/record"
)

// victim draws a process: the orchestrator and a worker most often, sometimes the bus.
func (h *Hand) victim() *proc.Process {
	switch n := h.rng.IntN(10); {
	case n == 0:
		return h.stage.Bus
	case n < 5:
		return h.stage.Orchestrator
	}
	return h.stage.Workers[h.rng.IntN(len(h.stage.Workers))]
}

// anyone draws a process that no other trouble has, and keeps other troubles away from it;
// nil: the run is over. A restore has the orchestrator for long.
func (h *Hand) anyone() (p *proc.Process, release func()) {
	for {
		p := h.victim()
		if h.locks[p].TryLock() {
			return p, h.locks[p].Unlock
		}
		if !h.wait(50 * time.Millisecond) {
			return nil, nil
		}
	}
}

// kill is kill -9, and a start after a while.
func (h *Hand) kill() error {
	p, release := h.anyone()
	if p == nil {
		return nil
	}
	defer release()
	h.say("kill %s", p.Name())
	if err := p.Kill(); err != nil {
		return err
	}
	h.count(&h.counts.Kills)
	h.wait(h.upTo(time.Second))
	return p.Start()
}

// restartBus stops the bus as an operator does.
func (h *Hand) restartBus() error {
	defer h.hold(h.stage.Bus)()
	h.say("restart the bus")
	if err := h.stage.Bus.Stop(); err != nil {
		return err
	}
	h.wait(h.upTo(2 * time.Second))
	return h.stage.Bus.Start()
}

// freeze is SIGSTOP, for a moment or for longer than a permit lives.
func (h *Hand) freeze() error {
	p := h.victim()
	defer h.hold(p)()
	long := h.upTo(time.Second)
	if h.rng.IntN(2) == 0 {
		long = 4*time.Second + h.upTo(3*time.Second)
	}
	h.say("stop %s for %s", p.Name(), long)
	from := time.Now()
	p.Freeze()
	h.wait(long)
	p.Thaw()
	h.count(&h.counts.Stops)
	if works := h.stage.WorksFor(p); works != nil {
		h.mu.Lock()
		h.freezes = append(h.freezes, record.Freeze{Participants: works, From: from, To: time.Now()})
		h.mu.Unlock()
	}
	return nil
}
