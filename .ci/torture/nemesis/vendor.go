package nemesis

import "time"

// vendor gives one of the vendors a bad moment.
func (h *Hand) vendor() error {
	what, end := h.stage.World.Trouble(h.rng)
	defer end()
	h.say("the vendor of %s", what)
	h.count(&h.counts.Vendors)
	h.wait(time.Second + h.upTo(4*time.Second))
	return nil
}
