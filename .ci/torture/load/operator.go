package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/world"
)

// operator is who places holds, releases them, and does by hand what nobody else can.
type operator struct {
	bus  *bus.Operator
	book *record.Book
}

func newOperator(url, seed string, book *record.Book) (*operator, error) {
	nc, err := bus.Connect(bus.Config{URL: url, Name: "torture operator", NKeySeedFile: seed})
	return &operator{bus: bus.NewOperator(nc), book: book}, err
}

func (o *operator) operate(ctx context.Context, op events.Operation) (events.Operated, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if op.Verb != events.OpHolds && op.Verb != events.OpExplain { // not a question
		op.By, op.Ground = "torture", "a rehearsal"
	}
	return o.bus.Operate(ctx, op)
}

// hold places a hold once, and writes down what comes back. A hold that nobody answered may
// stand all the same: see leftovers.
func (o *operator) hold(ctx context.Context, person, participant string) (id string, err error) {
	place := o.book.Hold(record.Hold{Person: person, Participant: participant, Sent: time.Now()})
	a, err := o.operate(ctx, events.Operation{Verb: events.OpHold, Realm: world.Realm, UserID: events.Private(person), Participant: participant})
	if err == nil {
		o.book.Held(place, record.Hold{ID: a.Hold, Alive: permits(a.Alive), Kept: a.Replicated, Answered: time.Now()})
	}
	return a.Hold, err
}

// release asks until a hold is no more.
func (o *operator) release(ctx context.Context, id string) error {
	o.book.EndHold(id, time.Now())
	for {
		_, err := o.operate(ctx, events.Operation{Verb: events.OpRelease, Hold: id})
		if err == nil || unknown(err) {
			return nil
		}
		if e := pause(ctx, 300*time.Millisecond); e != nil {
			return fmt.Errorf("release hold %s: %w", id, err)
		}
	}
}

// leftovers releases the holds that still stand, until ctx ends: of some nobody was ever
// told the id.
func (o *operator) leftovers(ctx context.Context) {
	for {
		a, err := o.operate(ctx, events.Operation{Verb: events.OpHolds})
		for _, h := range a.Holds {
			err = errors.Join(err, o.release(ctx, h.Hold))
		}
		_ = err // the next round does what this one did not; a hold that stays keeps its saga from ending
		if pause(ctx, 2*time.Second) != nil {
			return
		}
	}
}
