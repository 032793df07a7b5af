package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

const (
	clockTolerance = time.Minute      // how far two clocks may be apart and still agree
	longestGap     = 10 * time.Minute // between two ticks of the ledger that nobody has to explain
	clockLook      = 10 * time.Second // how often the wall clock is compared with the steady one
	tickEvery      = time.Minute      // how often the ledger gets a tick
	readingLife    = 5 * time.Minute  // how long the clock of a worker counts after it was told
	allTold        = 90 * time.Second // after one worker every other that is there has said hello, as it does once a minute
)

// metaTick is the meta key of the tick ledger: the latest time by which a commit was made.
const metaTick = "tick"

// steady is the wall clock as it was when it was set, moved on by the monotonic clock. A
// wall clock that jumps neither ends permits early nor lets them live longer.
type steady struct {
	wall func() time.Time

	mu    sync.Mutex
	base  time.Time
	begun time.Time // with a monotonic reading
}

func newSteady(wall func() time.Time) *steady {
	s := &steady{wall: wall}
	s.set()
	return s
}

func (s *steady) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base.Add(time.Since(s.begun)).UTC()
}

// set believes the wall clock.
func (s *steady) set() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base, s.begun = s.wall().Round(0), time.Now()
}

// trust says whether the clock can be believed: it must agree with the tick ledger, or
// with most participants, as their workers tell. While it is in doubt nothing irreversible
// is permitted, since a grace or a hold might only seem to be over.
type trust struct {
	mu    sync.Mutex
	doubt string           // why it is not believed; empty: it is
	since time.Time        // of the first vote on it, with a monotonic reading; zero: there is none
	of    int              // how many participants are configured
	votes map[string]*vote // by participant: the many workers of one do not outvote the others
}

// vote is what the workers of one participant told last; zero: none did. Times have a
// monotonic reading.
type vote struct{ agreed, differed time.Time }

// counts reports whether the vote counts, and whether it is that the clock is right: one
// worker of them who has another time is enough for a no.
func (v *vote) counts() (counts, agrees bool) {
	recent := func(t time.Time) bool { return !t.IsZero() && time.Since(t) <= readingLife }
	return recent(v.agreed) || recent(v.differed), recent(v.agreed) && !recent(v.differed)
}

func newTrust(of int) *trust { return &trust{of: of, votes: map[string]*vote{}} }

// lose begins a doubt; what workers told before does not count.
func (t *trust) lose(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doubt, t.since = why, time.Time{}
	clear(t.votes)
}

// why returns what is in doubt, or "".
func (t *trust) why() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.doubt
}

// settle ends the doubt; false if there was none.
func (t *trust) settle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.doubt
	t.doubt = ""
	return was != ""
}

// hear takes the clock of a participant's worker, and reports whether that ended a doubt.
func (t *trust) hear(participant string, theirs, ours time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.doubt == "" || theirs.IsZero() {
		return false
	}
	if t.since.IsZero() {
		t.since = time.Now()
	}
	v := t.votes[participant]
	if v == nil {
		v = &vote{}
		t.votes[participant] = v
	}
	if theirs.Sub(ours).Abs() <= clockTolerance {
		v.agreed = time.Now()
	} else {
		v.differed = time.Now()
	}
	if !t.mostAgree() {
		return false
	}
	t.doubt = ""
	return true
}

// mostAgree reports whether most participants agree: of all, or of those that told when
// everybody could have. Who speaks first may be on the same machine, and as wrong.
func (t *trust) mostAgree() bool {
	heard, agree := 0, 0
	for _, v := range t.votes {
		counts, agrees := v.counts()
		if counts {
			heard++
		}
		if agrees {
			agree++
		}
	}
	return 2*agree > t.of || 2*agree > heard && time.Since(t.since) >= allTold
}

// heard takes the clock that came with a claim or a hello. Who is not configured has no vote.
func (o *Orchestrator) heard(participant string, theirs time.Time) {
	if !slices.Contains(o.metrics.names, participant) {
		return
	}
	if o.trust.hear(participant, theirs, o.cfg.Now()) {
		o.logger.Info("the clock is believed again: most participants have the same time")
		o.believe()
	}
}

// believe lets on what waited for the clock. It does not block.
func (o *Orchestrator) believe() {
	o.metrics.clockTrusted.Set(1)
	poke(o.believed)
}

func (o *Orchestrator) distrust(why string) {
	o.trust.lose(why)
	o.metrics.clockTrusted.Set(0)
	o.logger.Error("the clock is in doubt: nothing passes its pivot until most participants agree with it, or an operator confirms it", "reason", why)
}

// recoverClock compares the clock with the last tick of the ledger.
func (o *Orchestrator) recoverClock(ctx context.Context) error {
	v, err := o.cfg.Store.Meta(ctx, metaTick)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tick ledger: %w", err)
	}
	last, err := time.Parse(time.RFC3339Nano, string(v))
	if err != nil {
		return errors.New("tick ledger: is not a time")
	}
	o.ticked = last
	switch gap := o.cfg.Now().Sub(last); {
	case gap < -clockTolerance:
		o.distrust(fmt.Sprintf("it is %s before the last time that is on record", -gap.Round(time.Second)))
	case gap > longestGap:
		o.distrust(fmt.Sprintf("by it nobody was at work for %s", gap.Round(time.Second)))
	}
	return nil
}

// doubted reports whether a claim asks for what must not be done while the clock is in
// doubt: an erase that a hold might have kept back. Of one that is under way, see heldInDoubt.
func (o *Orchestrator) doubted(c events.Claim) bool {
	return c.Verb == events.Erase && c.Permit == "" && o.trust.why() != ""
}

// tick keeps the ledger with whatever is committed. While the clock is in doubt the ledger
// stands still: a process that dies meanwhile finds the same doubt.
func (b *batch) tick() {
	if b.o.trust.why() != "" {
		return
	}
	if b.now.Sub(b.o.ticked) >= tickEvery || b.now.Before(b.o.ticked) {
		b.meta(metaTick, b.now.UTC().AppendFormat(nil, time.RFC3339Nano))
	}
}

// watchClock compares the wall clock with the steady one until ctx ends, and lets on what
// waited for it once it is believed.
func (o *Orchestrator) watchClock(ctx context.Context) {
	look := time.NewTicker(clockLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.believed:
			o.wakeBraked(ctx)
			o.ringAll(ctx)
			continue
		case <-look.C:
		}
		if o.steady == nil {
			continue
		}
		if off := o.cfg.Wall().Sub(o.steady.now()); off.Abs() > clockTolerance {
			o.believeWall(ctx, off)
		}
	}
}

// believeWall goes on by a wall clock that has jumped, and cannot be trusted for it.
func (o *Orchestrator) believeWall(ctx context.Context, off time.Duration) {
	_, err := o.ask(ctx, job{do: func(b *batch) error { b.jump(off); return nil }})
	if err != nil && ctx.Err() == nil {
		o.logger.WarnContext(ctx, "what follows from a jump of the clock is not committed yet", "error", err)
	}
	for _, id := range o.live.ids() {
		if !o.tryWake(ctx, id) {
			return
		}
	}
}

// jump sets the clock. The doubt comes first: no later job may pass a pivot by the new time,
// whatever becomes of this batch. As after a restart, every permit is counted anew before
// anything else, also of sagas that the batch has loaded already.
func (b *batch) jump(off time.Duration) {
	o := b.o
	o.metrics.clockJumps.Inc()
	o.distrust(fmt.Sprintf("it jumped by %s", off.Round(time.Second)))
	o.steady.set()
	b.now = o.cfg.Now()
	for _, id := range o.live.ids() {
		o.restarted[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(b.sagas)) {
		if _, err := b.step(b.sagas[id], saga.Recovered{}); err != nil {
			o.metrics.faults.Inc()
			o.logger.Error("a saga was not told that the clock jumped", "saga", string(id), "error", err)
			continue
		}
		b.told = append(b.told, id)
	}
}

// ErrClockNotInDoubt means that there is nothing to confirm.
var ErrClockNotInDoubt = errors.New("the clock is not in doubt")

// ConfirmClock ends a doubt about the clock. Who decides and why is logged. The error is
// [ErrClockNotInDoubt].
func (o *Orchestrator) ConfirmClock(ctx context.Context, by, ground string) error {
	// By way of the writer: whoever it braked until now is known to be woken.
	_, err := o.ask(ctx, job{do: func(b *batch) error {
		if o.trust.why() == "" {
			return ErrClockNotInDoubt
		}
		b.tell = append(b.tell, func() {
			if o.trust.settle() {
				o.logger.WarnContext(ctx, "the clock is confirmed", "by", by, "ground", ground)
				o.believe()
			}
		})
		return nil
	}})
	return err
}
