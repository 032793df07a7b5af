package participants

import (
	"context"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
)

// slotWait is how long a doorbell waits for a free slot. The bus prefetches for the whole
// fleet: a worker that is full must hand its doorbells back soon.
const slotWait = time.Second

// job is one permitted piece of work.
type job struct {
	command events.Command
	permit  events.Permit
	end     time.Time // of the permit, with a monotonic reading
}

func stepOf(c events.Command) step { return step{saga: c.Saga, verb: c.Verb, round: c.Round} }

// answerAll answers doorbells until the bus closes the channel, as many at once as there
// are slots. The result is closed when the last one is answered.
func (s *shift) answerAll(ctx context.Context, doorbells <-chan Doorbell) <-chan struct{} {
	var answering sync.WaitGroup
	for range s.cfg.Concurrency {
		answering.Go(func() {
			for d := range doorbells {
				s.answer(ctx, d)
			}
		})
	}
	done := make(chan struct{})
	s.joined.Go(func() {
		answering.Wait()
		close(done)
	})
	return done
}

// answer acks a doorbell that is finished, whatever it rang for, and hands back the others.
// The work itself starts after the ack, since the grant is history by then: from now on
// the orchestrator's timers bring the step back, not the bus.
func (s *shift) answer(ctx context.Context, d Doorbell) {
	became, start := s.admit(ctx, d)
	if became.again() {
		d.Nak()
	} else {
		d.Ack()
	}
	s.cfg.Hooks.doorbell(d.Command.Verb, became)
	s.cfg.Logger.DebugContext(ctx, "doorbell answered", "saga", d.Command.Saga, "verb", d.Command.Verb,
		"round", d.Command.Round, "became", became)
	if start != nil {
		s.joined.Go(start)
	}
}

// admit decides on a doorbell. With Granted it returns the work, which owns a slot and the
// step; with any other answer nothing is owned.
func (s *shift) admit(ctx context.Context, d Doorbell) (Answer, func()) {
	k := stepOf(d.Command)
	switch {
	case ctx.Err() != nil:
		return Stopping, nil
	case d.Fault != nil:
		s.cfg.Logger.ErrorContext(ctx, "what came is no command", "error", d.Fault)
		return Malformed, nil
	case d.Command.Participant != s.cfg.Name:
		s.cfg.Logger.ErrorContext(ctx, "command of another participant", "saga", d.Command.Saga)
		return Foreign, nil
	case !s.take(k):
		return Duplicate, nil
	}
	if !s.takeSlot(ctx) {
		s.leave(k)
		return NoSlot, nil
	}
	j, became := s.grant(d.Command)
	if became != Granted {
		s.freeSlot()
		s.leave(k)
		return became, nil
	}
	return Granted, func() {
		defer s.leave(k)
		defer s.freeSlot()
		s.work(j)
	}
}

func (s *shift) takeSlot(ctx context.Context) bool {
	t := time.NewTimer(slotWait)
	defer t.Stop()
	select {
	case s.slots <- struct{}{}:
		return true
	case <-t.C:
		return false
	case <-ctx.Done():
		return false
	}
}

func (s *shift) freeSlot() { <-s.slots }
