package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/world"
)

// operator is who places holds, and releases them.
type operator struct {
	nc   *nats.Conn
	book *record.Book
}

func newOperator(url, seed string, book *record.Book) (*operator, error) {
	nc, err := bus.Connect(bus.Config{URL: url, Name: "torture operator", NKeySeedFile: seed})
	return &operator{nc: nc, book: book}, err
}

func (o *operator) operate(ctx context.Context, op events.Operation) (events.Operated, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	op.By, op.Ground = "torture", "a rehearsal"
	m, err := events.Encode(events.Envelope{ID: uuid.NewString(), Source: "/operators/torture"}, op)
	if err != nil {
		return events.Operated{}, err
	}
	answer, err := bus.Ask(ctx, o.nc, events.SubjectOperate(), m)
	if err != nil {
		return events.Operated{}, err
	}
	out, ok := answer.(events.Operated)
	if !ok {
		return out, fmt.Errorf("an answer of type %T to an operation", answer)
	}
	return out, nil
}

// hold places a hold once, and writes down what comes back. A hold that nobody answered may
// stand all the same: see leftovers.
func (o *operator) hold(ctx context.Context, person, participant string) (id string, err error) {
	place := o.book.Hold(record.Hold{Person: person, Participant: participant, Sent: time.Now()})
	a, err := o.operate(ctx, events.Operation{Verb: events.OpHold, Realm: world.Realm, UserID: events.Private(person), Participant: participant})
	if err == nil {
		o.book.Held(place, a.Hold, permits(a.Alive), time.Now())
	}
	return a.Hold, err
}

// release asks until a hold is no more.
func (o *operator) release(ctx context.Context, id string) error {
	o.book.EndHold(id, time.Now())
	for {
		_, err := o.operate(ctx, events.Operation{Verb: events.OpRelease, Hold: id})
		var problem *bus.ProblemError
		if err == nil || errors.As(err, &problem) && problem.Problem.Code == events.CodeUnknown {
			return nil
		}
		if e := pause(ctx, 300*time.Millisecond); e != nil {
			return fmt.Errorf("release hold %s: %w", id, err)
		}
	}
}

// leftovers releases the holds that still stand, until ctx ends: of some nobody was ever
// told the id. The decisions on the bus know them all.
func (d *Driver) leftovers(ctx context.Context) {
	for {
		ids, err := d.standing(ctx)
		for _, id := range ids {
			err = errors.Join(err, d.operator.release(ctx, id))
		}
		_ = err // the next round does what this one did not; a hold that stays keeps its saga from ending
		if pause(ctx, 2*time.Second) != nil {
			return
		}
	}
}

// standing returns the holds that the bus knows of and no release of.
func (d *Driver) standing(ctx context.Context) (ids []string, err error) {
	released := map[string]bool{}
	err = d.stored(ctx, events.SubjectDecision(), func(m jetstream.Msg) {
		_, e, err := events.Decode[events.Event](events.Header(m.Headers()), m.Data())
		switch {
		case err != nil:
		case e.Kind == events.KindHeld:
			ids = append(ids, e.Hold)
		case e.Kind == events.KindReleased:
			released[e.Hold] = true
		}
	})
	return slices.DeleteFunc(ids, func(id string) bool { return released[id] }), err
}
