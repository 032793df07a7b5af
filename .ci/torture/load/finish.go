package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/stage"
)

// atOnce is how many questions Finish has open.
const atOnce = 16

// Finish asks every request again under its key, as a source does that wants to be sure,
// and follows every saga to its end. It returns what did not come to one.
func (d *Driver) Finish(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { d.operator.leftovers(ctx) })
	beside.Go(func() { d.byHand(ctx) })
	if err := d.drained(ctx); err != nil {
		return err
	}
	if err := errors.Join(d.published(ctx), d.accepted(ctx)); err != nil { // to know what has ended
		return err
	}
	n := len(d.book.Record().Requests)
	if err := parallel(n, func(place int) error { return d.again(ctx, place) }); err != nil {
		return fmt.Errorf("asked again: %w", err)
	}
	askers := map[string]*client{}
	var sagas []string
	for _, q := range d.book.Record().Requests {
		for _, id := range append([]string{q.Saga}, q.Later...) {
			if id != "" && askers[id] == nil {
				sagas = append(sagas, id)
				askers[id] = d.client(q.Source)
			}
		}
	}
	if err := d.passDay(ctx, askers, sagas); err != nil {
		return err
	}
	return errors.Join(parallel(len(sagas), func(i int) error { return d.toTheEnd(ctx, askers[sagas[i]], sagas[i]) }),
		d.published(ctx), d.accepted(ctx), d.forgotten(ctx))
}

// again asks once more under the same key. One that has ended, or was called off, and that
// only the store that was put back does not know, is not wanted a second time.
func (d *Driver) again(ctx context.Context, place int) error {
	q := d.book.At(place)
	c := d.client(q.Source)
	if d.book.Over(q) && d.book.Lost(q) {
		if _, err := c.look(ctx, q.Saga); unknown(err) {
			return nil
		}
	}
	return c.again(ctx, place)
}

// again asks until there is an answer, whichever way the request went first.
func (c *client) again(ctx context.Context, place int) error {
	for {
		ask, cancel := context.WithTimeout(ctx, patience)
		a, err := c.bus.Request(ask, requestOf(c.book.At(place)))
		cancel()
		if err == nil {
			c.book.Update(place, func(q *record.Request) { took(q, a) })
			return nil
		}
		if e := pause(ctx, 200*time.Millisecond); e != nil {
			return fmt.Errorf("request %s: %w", c.book.At(place).Key, err)
		}
	}
}

func (d *Driver) toTheEnd(ctx context.Context, c *client, saga string) error {
	st, err := c.await(ctx, saga, 300*time.Millisecond)
	if err != nil {
		return err
	}
	if c.http == "" || !st.State.Final() {
		return nil
	}
	data, err := c.summary(ctx, saga)
	if err != nil {
		return err
	}
	c.ended(data)
	return nil
}

// summary fetches a summary until it is there.
func (c *client) summary(ctx context.Context, saga string) ([]byte, error) {
	for {
		ask, cancel := context.WithTimeout(ctx, patience)
		data, err := c.call(ask, http.MethodGet, "/v1/erasures/"+saga+"/summary", nil)
		cancel()
		if err == nil {
			return data, nil
		}
		if e := pause(ctx, 200*time.Millisecond); e != nil {
			return nil, err
		}
	}
}

// parallel calls f for 0 to n-1 and joins the first few errors.
func parallel(n int, f func(i int) error) error {
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i := range n {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			if err := f(i); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if len(errs) < 10 {
					errs = append(errs, err)
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

var requestStreams = []string{events.StreamRequests(stage.Shop), events.StreamRequests(stage.Desk)}
