package load

import (
	"time"

	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/stage"
)

// graced is suspended, waits, and is erased.
func (a *actor) graced() error {
	a.plan = stage.Graced
	return a.plain()
}

// calledInGrace cancels a saga that suspends: while it does so, while it waits, or as close
// to the end of its grace as can be.
func (a *actor) calledInGrace() error {
	a.plan = stage.Graced
	place := a.request(a.shop, []record.Way{record.Asked, record.Posted}[a.rng.IntN(2)])
	if err := a.shop.insist(a.ctx, place); err != nil {
		return err
	}
	var err error
	switch a.rng.IntN(3) {
	case 0:
		err = a.moment(600 * time.Millisecond)
	case 1:
		err = a.moment(stage.Grace + time.Second)
	case 2:
		err = a.lastMoment(place)
	}
	if err != nil {
		return err
	}
	a.shop.cancel(a.ctx, a.book.At(place))
	return a.follow(a.shop, place)
}

// lastMoment returns when the grace of a saga is about to end, or has just ended.
func (a *actor) lastMoment(place int) error {
	const around = 300 * time.Millisecond
	for {
		st, err := a.shop.look(a.ctx, a.book.At(place).Saga)
		if err == nil && st.GraceUntil != nil {
			left := min(time.Until(*st.GraceUntil), stage.Grace) // its clock may be wrong
			return pause(a.ctx, left-around/2+time.Duration(a.rng.Int64N(int64(around))))
		}
		if err == nil && st.State.Final() {
			return nil
		}
		if err := pause(a.ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}
