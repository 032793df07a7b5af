package nemesis

import (
	"time"
)

// full fills the orchestrator's disk for a while.
func (h *Hand) full() error {
	p := h.stage.Orchestrator
	release := h.hold(p) // no power cut meanwhile
	defer release()
	left := h.upTo(64 << 10)
	h.say("fill the disk but for %d bytes", left)
	free, err := h.stage.Data.Fill(int64(left))
	if err != nil {
		return err
	}
	h.count(&h.counts.Fulls)
	h.wait(2*time.Second + h.upTo(3*time.Second))
	h.say("the disk has room again")
	return free()
}

// power cuts the power of the orchestrator's machine: what was not synced is lost.
func (h *Hand) power() error {
	p := h.stage.Orchestrator
	defer h.hold(p)()
	if h.spares(p) {
		return nil
	}
	h.say("cut the power of %s", p.Name())
	if err := p.Kill(); err != nil {
		return err
	}
	if err := h.stage.Data.Cut(h.rng); err != nil {
		return err
	}
	h.count(&h.counts.PowerCuts)
	h.wait(h.upTo(time.Second))
	return p.Start()
}

// outage cuts the power of the bus's machine.
func (h *Hand) outage() error {
	p := h.stage.Bus
	defer h.hold(p)()
	h.say("cut the power of %s", p.Name())
	if err := p.Kill(); err != nil {
		return err
	}
	if err := h.stage.BusData.Cut(h.rng); err != nil {
		return err
	}
	h.count(&h.counts.Outages)
	h.wait(h.upTo(time.Second))
	return p.Start()
}
