package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/world"
)

// scene is one way in which a person's erasure may be asked for.
type scene struct {
	weight  int
	unknown bool // the person has no share anywhere
	play    func(a *actor) error
}

// scenes are all of them; those from patient on take the longest.
var scenes = []scene{
	{weight: 40, play: (*actor).plain},
	{weight: 12, play: (*actor).repeated},
	{weight: 12, play: (*actor).joined},
	{weight: 16, play: (*actor).called},
	{weight: 6, play: (*actor).calledAndAgain},
	{weight: 8, unknown: true, play: (*actor).plain},
	{weight: 6, play: (*actor).reborn},
	{weight: 8, play: (*actor).graced},
	{weight: 14, play: (*actor).calledInGrace},
	{weight: 10, play: (*actor).held},
	{weight: 8, play: (*actor).queued},
}

const patient = 7

// scene draws the i-th scene. The first ones take long, and come when there is time.
func (d *Driver) scene(rng *rand.Rand, i int) scene {
	if i < d.total/10 {
		return draw(rng, scenes[patient:])
	}
	return draw(rng, scenes)
}

func draw(rng *rand.Rand, scenes []scene) scene {
	total := 0
	for _, s := range scenes {
		total += s.weight
	}
	n := rng.IntN(total)
	for _, s := range scenes {
		if n -= s.weight; n < 0 {
			return s
		}
	}
	panic("load: weights do not add up")
}

// actor plays one scene for one person.
type actor struct {
	*Driver
	ctx    context.Context
	person world.Person
	rng    *rand.Rand
	plan   string // of requests; empty: that of the source
	keys   int
}

func (a *actor) way() record.Way {
	return []record.Way{record.Asked, record.Asked, record.Stored, record.Posted}[a.rng.IntN(4)]
}

// request opens a request with a key of its own.
func (a *actor) request(c *client, way record.Way) int {
	a.keys++
	return a.book.Request(record.Request{Person: a.person.ID, Source: c.source, Way: way, Plan: a.plan, Sent: time.Now(),
		Key: fmt.Sprintf("key-%s-%d", a.person.ID[len("u-"):], a.keys)})
}

func (a *actor) moment(most time.Duration) error {
	return pause(a.ctx, time.Duration(a.rng.Int64N(int64(most))))
}

func (a *actor) plain() error {
	place := a.request(a.shop, a.way())
	if err := a.shop.insist(a.ctx, place); err != nil {
		return err
	}
	return a.follow(a.shop, place)
}

// follow looks now and then where the saga stands, until it has ended.
func (a *actor) follow(c *client, place int) error {
	q := a.book.At(place)
	if q.Saga == "" {
		return nil // stored: nobody was told a saga
	}
	_, err := c.await(a.ctx, q.Saga, 400*time.Millisecond+time.Duration(a.rng.Int64N(int64(time.Second))))
	return err
}

// repeated sends the same request several times at once.
func (a *actor) repeated() error {
	place := a.request(a.shop, []record.Way{record.Asked, record.Posted}[a.rng.IntN(2)])
	results := make(chan error)
	n := 2 + a.rng.IntN(2)
	for range n {
		go func() { results <- a.shop.insist(a.ctx, place) }()
	}
	var err error
	for range n {
		if e := <-results; e != nil {
			err = e
		}
	}
	return err
}

// joined has two sources ask for the same person.
func (a *actor) joined() error {
	first, second := a.request(a.shop, a.way()), a.request(a.desk, record.Asked)
	done := make(chan error)
	go func() { done <- a.shop.insist(a.ctx, first) }()
	err := a.moment(200 * time.Millisecond)
	if err == nil {
		err = a.desk.insist(a.ctx, second) // past the pivot it comes again, until the saga has ended
	}
	if e := <-done; e != nil {
		err = e
	}
	return err
}

// called cancels at some moment, most often close to the pivot.
func (a *actor) called() error {
	place := a.request(a.shop, []record.Way{record.Asked, record.Posted}[a.rng.IntN(2)])
	if err := a.shop.insist(a.ctx, place); err != nil {
		return err
	}
	if err := a.moment(400 * time.Millisecond); err != nil {
		return err
	}
	for range 1 + a.rng.IntN(2) {
		a.shop.cancel(a.ctx, a.book.At(place))
	}
	return a.follow(a.shop, place)
}

// calledAndAgain cancels at once, and then wants it after all.
func (a *actor) calledAndAgain() error {
	place := a.request(a.shop, record.Asked)
	if err := a.shop.insist(a.ctx, place); err != nil {
		return err
	}
	a.shop.cancel(a.ctx, a.book.At(place))
	again := a.request(a.shop, record.Asked)
	if err := a.shop.insist(a.ctx, again); err != nil {
		return err
	}
	return a.follow(a.shop, again)
}

// reborn is somebody who signs up anew once the erasure is said to be complete. Nobody may
// touch what they have then.
func (a *actor) reborn() error {
	place := a.request(a.shop, record.Asked)
	if err := a.shop.insist(a.ctx, place); err != nil {
		return err
	}
	if err := a.follow(a.shop, place); err != nil {
		return err
	}
	data, err := a.shop.summary(a.ctx, a.book.At(place).Saga)
	if err != nil {
		return err
	}
	a.shop.ended(data)
	return a.world.Rebear(a.ctx, a.person)
}
