package load

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/expunge-io/expunge/events"
)

// aDay is longer than a cancelled saga stays open for a worker that died while it suspended
// somebody: such a one may have been about to, and nobody knows.
const aDay = 25 * time.Hour

// passDay lets a day pass on the clocks of all processes, if a saga waits for that.
func (d *Driver) passDay(ctx context.Context, askers map[string]*client, sagas []string) error {
	var waits atomic.Int64
	err := parallel(len(sagas), func(i int) error {
		st, err := askers[sagas[i]].atRest(ctx, sagas[i])
		if st.State == events.Restoring {
			waits.Add(1)
		}
		return err
	})
	if err != nil || waits.Load() == 0 {
		return err
	}
	return d.stage.Pass(aDay)
}

// atRest looks until a saga has ended, or has been restoring for a while.
func (c *client) atRest(ctx context.Context, saga string) (st events.Status, err error) {
	const looks = 20
	for restoring := 0; restoring < looks; {
		if st, err = c.look(ctx, saga); err == nil && st.State.Final() || unknown(err) {
			return st, nil
		}
		if err == nil && st.State == events.Restoring && st.Parked == "" { // else an operator comes
			restoring++
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return st, fmt.Errorf("saga %s stands at %s %s: %w", saga, st.State, st.Parked, err)
		}
	}
	return st, nil
}
