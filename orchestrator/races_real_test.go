package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// race is one person whose erasure is cancelled while it may pass its pivot.
type race struct {
	person    string
	id        string
	cancelled bool
	alive     []events.AlivePermit
}

const racers = 32 // at a time

// aim finds the moment in which a cancel is as likely to come too late as not. The pivot
// moves with the load, so it follows what becomes of the cancels.
type aim struct{ at atomic.Int64 }

func (a *aim) delay() time.Duration {
	mean := a.at.Load()
	return time.Duration(mean/2 + rand.Int64N(mean+1))
}

func (a *aim) learn(cancelled bool) {
	step := max(a.at.Load()/50, int64(10*time.Microsecond))
	if !cancelled {
		step = -step
	}
	a.at.Add(step)
}

// TestACancelRacesThePivot with everything real: whatever the answer says, the shelves'
// ledgers say the same.
func TestACancelRacesThePivot(t *testing.T) {
	n := many(t, "EXPUNGE_RACES", 300)
	r := newRig(t, twoShares())
	book := &ledger{pause: func() time.Duration { return 0 }}
	shelves := []*shelf{newShelf("account", "accounts", map[string]int64{}), newShelf("identity-provider", "identities", map[string]int64{})}
	races := make([]*race, n)
	for i := range races {
		races[i] = &race{person: fmt.Sprintf("u-%d", i)}
		for _, s := range shelves {
			s.items[races[i].person] = 1
		}
	}
	for _, s := range shelves {
		s.book = book
		r.serve(s)
	}
	c, _ := r.client("billing")
	a := &aim{}
	a.at.Store(int64(20 * time.Millisecond))
	next := make(chan *race)
	var all sync.WaitGroup
	for range racers {
		all.Go(func() {
			for one := range next {
				one.run(t, c, a)
			}
		})
	}
	for _, one := range races {
		next <- one
	}
	close(next)
	all.Wait()
	disagreements := judgeRaces(t, r, races, shelves, book)
	fmt.Printf("races %d, disagreements %d\n", n, disagreements)
}

func (one *race) run(t *testing.T, c *bus.Client, a *aim) {
	accepted, err := c.Request(t.Context(), events.Request{UserID: events.Private(one.person)})
	if err != nil {
		t.Errorf("request: %v", err)
		return
	}
	one.id = accepted.Saga
	pause(t.Context(), a.delay())
	done, err := cancelSurely(t.Context(), c, accepted.Request)
	switch {
	case isProblem(err, events.CodeTooLate):
	case err != nil || done.Result != events.CancelledSaga:
		t.Errorf("cancel: %+v %v", done, err)
	default:
		one.cancelled, one.alive = true, done.Alive
	}
	a.learn(one.cancelled)
}

// cancelSurely asks again while the orchestrator is busy.
func cancelSurely(ctx context.Context, c *bus.Client, request string) (done events.Cancellation, err error) {
	for ctx.Err() == nil {
		done, err = c.Cancel(ctx, events.Cancel{Request: request})
		if !isProblem(err, events.CodeBusy) {
			return done, err
		}
		pause(ctx, time.Millisecond)
	}
	return done, errors.Join(err, ctx.Err())
}

// judgeRaces waits for the ends, and counts whose answer and ledgers disagree.
func judgeRaces(t *testing.T, r *rig, races []*race, shelves []*shelf, book *ledger) (disagreements int) {
	t.Helper()
	late := 0
	for _, one := range races {
		if one.id == "" {
			continue
		}
		eventually(t, "ended: "+one.id, func() bool { return r.state(one.id).Phase.Final() })
		if !one.cancelled {
			late++
		}
	}
	erased := erasures(book)
	for _, one := range races {
		if why := one.disagrees(r.state(one.id).Phase == "cancelled", erased[one.id], shelves); why != "" {
			disagreements++
			t.Errorf("%s: cancelled %v, and %s", one.id, one.cancelled, why)
		}
	}
	t.Logf("cancelled %d, too late %d", len(races)-late, late)
	if late == 0 || late == len(races) {
		t.Error("no race was close: all cancels had the same answer")
	}
	return disagreements
}

// erasures are the permits to erase that were acted on, by saga.
func erasures(book *ledger) map[string][]grant {
	out := map[string][]grant{}
	for _, g := range book.all() {
		if g.Verb == events.Erase && !g.acted.IsZero() {
			out[g.Saga] = append(out[g.Saga], g)
		}
	}
	return out
}

// disagrees says what of the ledgers the answer belies, if anything.
func (one *race) disagrees(endedCancelled bool, erased []grant, shelves []*shelf) string {
	if endedCancelled != one.cancelled {
		return fmt.Sprintf("ended as cancelled %v", endedCancelled)
	}
	for _, g := range erased {
		if one.cancelled && !g.allowed(one.alive) {
			return "erased at " + g.by
		}
	}
	for _, s := range shelves {
		left, deleted := s.total(one.person)
		if one.cancelled != (left == 1) || one.cancelled == (deleted == 1) {
			return fmt.Sprintf("%d left and %d erased at %s", left, deleted, s.name)
		}
	}
	return ""
}
