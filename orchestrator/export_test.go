package orchestrator

import (
	"time"

	"github.com/expunge-io/expunge/events/bus"
)

// Lend shortens the lease, and gives it clocks; call it before Run.
func (o *Orchestrator) Lend(life time.Duration, clock bus.Clock) {
	o.lending.Life, o.lending.Clock = life, clock
}

// Holds reports whether the orchestrator holds its bus.
func (o *Orchestrator) Holds() bool { return o.holds() }
