package load

import (
	"errors"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/stage"
	"github.com/expunge-io/expunge/torture/world"
)

// held has an operator place a hold in the middle, on the person or on one share, and
// release it a while later. The saga goes on by itself.
func (a *actor) held() error {
	within := 500 * time.Millisecond
	if a.rng.IntN(3) == 0 {
		a.plan, within = stage.Graced, stage.Grace+time.Second
	}
	share := ""
	if a.rng.IntN(3) == 0 {
		share = world.Participants[a.rng.IntN(len(world.Participants))]
	}
	place := a.request(a.shop, record.Asked)
	if err := a.shop.insist(a.ctx, place); err != nil {
		return err
	}
	if err := a.moment(within); err != nil {
		return err
	}
	hold, err := a.operator.hold(a.ctx, a.person.ID, share)
	if err != nil {
		return err
	}
	if err := a.moment(4 * time.Second); err != nil {
		return err
	}
	if err := a.operator.release(a.ctx, hold); err != nil {
		return err
	}
	return a.follow(a.shop, place)
}

// queued is asked for by somebody else when it is too late to join: the second request waits until the
// saga of the first has ended, or is withdrawn before. A hold on the share that is erased
// last keeps the first one from ending too soon.
func (a *actor) queued() error {
	place := a.request(a.shop, record.Asked)
	if err := a.shop.insist(a.ctx, place); err != nil {
		return err
	}
	hold, err := a.operator.hold(a.ctx, a.person.ID, "account")
	if err != nil {
		return err
	}
	again, err := a.askedAgain(place)
	return errors.Join(err, a.operator.release(a.ctx, hold), a.follow(a.desk, again))
}

// askedAgain has the other source ask when a saga is past its pivot, which perhaps thinks
// better of it.
func (a *actor) askedAgain(place int) (again int, err error) {
	if err := a.pastPivot(place); err != nil {
		return place, err
	}
	again = a.request(a.desk, record.Asked)
	if err := a.desk.insist(a.ctx, again); err != nil {
		return again, err
	}
	if a.rng.IntN(3) == 0 {
		a.desk.cancel(a.ctx, a.book.At(again))
	}
	return again, nil
}

func (a *actor) pastPivot(place int) error {
	for {
		st, err := a.shop.look(a.ctx, a.book.At(place).Saga)
		if err == nil && (st.State == events.Erasing || st.State == events.Verifying || st.State.Final()) {
			return nil
		}
		if err := pause(a.ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}
