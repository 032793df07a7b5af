package orchestrator

import (
	"context"
	"time"

	"github.com/expunge-io/expunge/events/bus"
)

// Lend shortens the lease, and gives it clocks; call it before Run.
func (o *Orchestrator) Lend(life time.Duration, clock bus.Clock) {
	o.lending.Life, o.lending.Clock = life, clock
}

// Holds reports whether the orchestrator holds its bus.
func (o *Orchestrator) Holds() bool { return o.holds() }

// NotePoint notes how far the bus has come, as happens every minute.
func (o *Orchestrator) NotePoint(ctx context.Context) error { return o.notePoint(ctx) }

// Distrust puts the clock in doubt.
func (o *Orchestrator) Distrust(why string) { o.distrust(why) }
