package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

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
	total      int            // scenes
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
	d.total = n
	var known []world.Person
	for i := range n + n/10 {
		p := world.NewPerson(d.marker, i)
		if i >= n {
			known = append(known, p)
			continue
		}
		d.People = append(d.People, p)
		if !d.scene(d.lots(i), i).unknown {
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
	all.Go(func() { d.byHand(ctx) })
	tick := time.NewTicker(max(time.Millisecond, over*9/10/time.Duration(len(d.People))))
	defer tick.Stop()
	for i, p := range d.People {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		rng := d.lots(i)
		s := d.scene(rng, i)
		if ctx.Err() != nil {
			break
		}
		all.Go(func() { _ = s.play(&actor{Driver: d, ctx: ctx, person: p, rng: rng}) }) // what was told is in the book
	}
	<-ctx.Done()
	all.Wait()
}

func (d *Driver) client(source string) *client {
	if source == stage.Desk {
		return d.desk
	}
	return d.shop
}
