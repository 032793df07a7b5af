package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/stage"
	"github.com/expunge-io/expunge/torture/world"
)

// Driver plays scenes.
type Driver struct {
	book       *record.Book
	world      *world.World
	stage      *stage.Stage
	shop, desk *client
	operator   *operator
	marker     string
	seed       uint64
	People     []world.Person // as many as scenes are played, at most
}

// New connects as the two sources and as an operator; it waits for nobody.
func New(s *stage.Stage, w *world.World, book *record.Book, seed uint64, marker string) (*Driver, error) {
	d := &Driver{book: book, world: w, stage: s, marker: marker, seed: seed}
	var errs [3]error
	d.shop, errs[0] = newClient(stage.Shop, s.ClientURL, s.Seed(stage.Shop), "http://"+s.HTTP, book)
	d.desk, errs[1] = newClient(stage.Desk, s.ClientURL, s.Seed(stage.Desk), "", book)
	d.operator, errs[2] = newOperator(s.ClientURL, s.Seed(stage.Operator), book)
	return d, errors.Join(errs[:]...)
}

// Settle gives n people their shares, and as many bystanders as a tenth.
func (d *Driver) Settle(ctx context.Context, n int) error {
	var known []world.Person
	for i := range n + n/10 {
		p := world.NewPerson(d.marker, i)
		if i >= n {
			known = append(known, p)
			continue
		}
		d.People = append(d.People, p)
		if !draw(d.lots(i)).unknown {
			known = append(known, p)
		}
	}
	return d.world.Settle(ctx, known...)
}

// lots are the draws of the i-th scene: the first one says which scene it is.
func (d *Driver) lots(i int) *rand.Rand { return rand.New(rand.NewPCG(d.seed, uint64(i))) }

// Play plays a scene for each person, spread over some time, and returns when that time is
// over. What is not answered by then is asked again by Finish.
func (d *Driver) Play(ctx context.Context, over time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, over)
	defer cancel()
	var all sync.WaitGroup
	tick := time.NewTicker(max(time.Millisecond, over*9/10/time.Duration(len(d.People))))
	defer tick.Stop()
	for i, p := range d.People {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		rng := d.lots(i)
		s := draw(rng)
		if ctx.Err() != nil {
			break
		}
		all.Go(func() { _ = s.play(&actor{Driver: d, ctx: ctx, person: p, rng: rng}) }) // what was told is in the book
	}
	<-ctx.Done()
	all.Wait()
}

// atOnce is how many questions Finish has open.
const atOnce = 16

// Finish asks every request again under its key, as a source does that wants to be sure,
// and follows every saga to its end. It returns what did not come to one.
func (d *Driver) Finish(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { d.leftovers(ctx) })
	if err := d.drained(ctx); err != nil {
		return err
	}
	n := len(d.book.Record().Requests)
	if err := parallel(n, func(place int) error {
		q := d.book.At(place)
		return d.client(q.Source).again(ctx, place)
	}); err != nil {
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
	return errors.Join(parallel(len(sagas), func(i int) error { return d.toTheEnd(ctx, askers[sagas[i]], sagas[i]) }), d.published(ctx))
}

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
		if st, err = c.look(ctx, saga); err == nil && st.State.Final() {
			return st, nil
		}
		if err == nil && st.State == events.Restoring {
			restoring++
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return st, fmt.Errorf("saga %s stands at %s %s: %w", saga, st.State, st.Parked, err)
		}
	}
	return st, nil
}

func (d *Driver) client(source string) *client {
	if source == stage.Desk {
		return d.desk
	}
	return d.shop
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
	if _, err := c.await(ctx, saga, 300*time.Millisecond); err != nil {
		return err
	}
	if c.http == "" {
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
