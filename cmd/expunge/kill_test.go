package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/expunge-io/expunge/cmd/expunge/demo"
	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/events"
)

// TestEveryErasureSurvivesKills kills dev again and again in the middle of erasures, and
// starts it on the same data each time. In the end all erasures are completed, the vendors
// have seen each effect once, nobody else was touched, and each saga has one summary.
func TestEveryErasureSurvivesKills(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 4
	}
	r := &killRig{t: t, folder: t.TempDir(), rng: rand.New(rand.NewPCG(1, uint64(os.Getpid())))}
	before := r.untouched()
	for i := range kills {
		r.start()
		r.noteUnderWay()
		r.ask(subjectOf(i))
		r.letItRun()
		r.kill()
	}
	r.start()
	r.finish()
	r.stop()

	t.Logf("%d of %d kills were seen to hit an erasure under way", r.underWay, kills)
	if r.underWay == 0 {
		t.Error("no kill hit an erasure under way")
	}
	r.checkSummaries()
	r.checkVendors()
	r.checkPeople(before)
}

// subjectOf is the i-th person to be erased: the first of every second family.
func subjectOf(i int) people.Person {
	p, ok := people.Find(fmt.Sprintf("u-%04d", 2+2*i))
	if !ok {
		panic("no such person")
	}
	return p
}

type killRig struct {
	t      *testing.T
	folder string
	rng    *rand.Rand

	dev     *devProcess
	session *session

	asked    []asked
	underWay int // kills that were seen to have hit something; there may be more
}

type asked struct {
	person people.Person
	key    string
	saga   string // empty: not known yet
}

// untouched makes the systems and returns what everybody has at the start.
func (r *killRig) untouched() people.Snapshot {
	r.start()
	r.stop()
	return r.snapshot()
}

// start starts dev on the same data again.
func (r *killRig) start() {
	r.t.Helper()
	r.dev = startDev(r.t, r.folder)
	a := access{source: demo.Source, line: line{url: r.dev.bus, timeout: 10 * time.Second}}
	var err error
	if r.session, err = a.connect(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// ask sends a request, half of them as a stored event, and does not wait for the answer.
func (r *killRig) ask(p people.Person) {
	a := asked{person: p, key: "ticket-" + p.ID}
	request := events.Request{UserID: events.Private(p.ID), IdempotencyKey: a.key}
	if len(r.asked)%2 == 1 {
		if _, err := r.session.client.Publish(r.t.Context(), request, a.key); err != nil {
			r.t.Fatal(err)
		}
	} else {
		s := r.session
		go func() { _, _ = s.client.Request(context.Background(), request) }()
	}
	r.asked = append(r.asked, a)
}

// noteUnderWay counts the last kill if what was asked before it is under way now.
func (r *killRig) noteUnderWay() {
	if len(r.asked) == 0 {
		return
	}
	a := r.asked[len(r.asked)-1]
	accepted, err := r.again(r.t.Context(), a)
	if err != nil {
		r.t.Fatal(err)
	}
	if accepted.Joined && !accepted.State.Final() {
		r.underWay++
	}
}

// letItRun waits for a random point on the way of the newest erasure: until some of its
// eight participants have erased, and a moment more.
func (r *killRig) letItRun() {
	a := r.asked[len(r.asked)-1]
	moment := time.Duration(r.rng.Int64N(int64(20 * time.Millisecond)))
	done := r.rng.IntN(9) - 1 // -1: as soon as it was sent
	if done < 0 {
		time.Sleep(moment)
		return
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	accepted, err := r.again(ctx, a)
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.session.follow(ctx, accepted.Saga, 5*time.Millisecond, func(events.Status) {}, func(st events.Status) bool {
		erased := 0
		for _, p := range st.Participants {
			if p.Verdict != "" {
				erased++
			}
		}
		return erased >= done
	})
	if err != nil {
		r.t.Fatalf("saga %s: %v", accepted.Saga, err)
	}
	time.Sleep(moment)
}

// again asks what was asked before, under the same key.
func (r *killRig) again(ctx context.Context, a asked) (events.Acceptance, error) {
	return ask(ctx, r.session, func(ctx context.Context) (events.Acceptance, error) {
		return r.session.client.Request(ctx, events.Request{UserID: events.Private(a.person.ID), IdempotencyKey: a.key})
	})
}

func (r *killRig) kill() {
	r.dev.kill(r.t)
	r.session.close()
}

func (r *killRig) stop() {
	r.t.Helper()
	r.session.close()
	r.dev.stop(r.t)
}

// finish asks every request again under its key, as a source does that heard no answer,
// and waits for all sagas to end.
func (r *killRig) finish() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	for i := range r.asked {
		a := &r.asked[i]
		accepted, err := r.again(ctx, *a)
		if err != nil {
			r.t.Fatal(err)
		}
		a.saga = accepted.Saga
	}
	for _, a := range r.asked {
		st, err := r.session.follow(ctx, a.saga, 20*time.Millisecond, func(events.Status) {}, func(st events.Status) bool { return st.State.Final() })
		if err != nil {
			r.t.Fatalf("saga %s: %v; it stands at %+v", a.saga, err, st)
		}
		r.t.Logf("saga %s took %s", a.saga, st.Ended.Sub(st.Started))
		if st.State != events.Completed {
			r.t.Errorf("saga %s ended as %s", a.saga, st.State)
		}
	}
}
