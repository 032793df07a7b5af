package nemesis

import (
	"context"
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

// startTime is how long a start may take that is not disturbed, most of the time.
const startTime = 6 * time.Second

// spares reports whether a process is left alone this time: an orchestrator that is struck again
// before it serves does nothing, and nothing but its start would be tried, the more so the larger
// its store is. One in four is struck all the same.
func (h *Hand) spares(p *proc.Process) bool {
	if p != h.stage.Orchestrator || h.rng.IntN(4) == 0 || p.Age() > startTime {
		return false
	}
	ctx, cancel := context.WithTimeout(h.ctx, time.Second)
	defer cancel()
	return !h.stage.Ready(ctx)
}

// kill is kill -9, and a start after a while.
func (h *Hand) kill() error {
	p, release := h.anyone()
	if p == nil {
		return nil
	}
	defer release()
	if h.spares(p) {
		return nil
	}
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
