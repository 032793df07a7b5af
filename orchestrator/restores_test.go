package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/storage"
)

// many is how often to do something: by an environment variable, or a few times.
func many(t *testing.T, variable string, few int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(variable))
	switch {
	case os.Getenv(variable) == "":
		return few
	case err != nil || n < 1:
		t.Fatalf("%s: must be a number", variable)
	}
	return n
}

func seed(t *testing.T) uint64 {
	t.Helper()
	return uint64(many(t, "EXPUNGE_SEED", int(time.Now().UnixNano()%1_000_000)+1))
}

// backup is a copy of the store, taken while it was at work. Of the keys there is one file.
type backup struct {
	path      string
	dismissed map[string]bool // requests that an operator need not be told of again
}

// lives is an orchestrator under traffic that dies and is put back.
type lives struct {
	*traffic
	backups   []backup
	dismissed map[string]bool
	takeOver  bool
	death     error // what the last one ended with
}

// TestRestoresUnderTraffic kills an orchestrator under traffic, puts back backups of any
// age, also such as were taken before an older one was put back, and judges by what clients
// were told and shelves wrote down.
func TestRestoresUnderTraffic(t *testing.T) {
	n, seed := many(t, "EXPUNGE_RESTORES", 3), seed(t)
	l := newLives(t, seed)
	var v verdict
	defer func() {
		fmt.Printf("restores %d, resurrected %d, unpermitted %d, unnamed %d, seed %d\n", n, v.resurrected, v.unpermitted, v.unnamed, seed)
	}()
	var sequence, log uint64
	for i := range n {
		l.live()
		l.kill()
		v.add(verdict{other: l.judgeNumbers(sequence, log)})
		sequence, log = l.ends()
		l.restore()
		v.add(verdict{unnamed: l.judgeNames(l.dismissed)})
		v.add(l.judgeStore())
		if i == n-1 || l.random(4) > 0 {
			l.confirm()
		}
	}
	l.live()
	l.kill()
	l.r.reopenAfterDeath()
	l.r.start()
	v.add(verdict{other: l.judgeNumbers(sequence, log)})
	v.add(l.judgeStore())
	v.add(l.judgeLedgers())
	l.wasBusy()
	if v != (verdict{}) {
		t.Errorf("%+v, seed %d", v, seed)
	}
}

func newLives(t *testing.T, seed uint64) *lives {
	l := &lives{dismissed: map[string]bool{}}
	r := newBareRig(t, hurried("all", 0))
	r.with = append(r.with, withGraces, func(c *orchestrator.Config) { c.TakeOver = l.takeOver })
	r.lend = shortLease
	l.traffic = &traffic{r: r, sources: map[string]*bus.Client{}, rnd: rand.New(rand.NewPCG(seed, 0)), office: r.connect("operator"),
		told: map[string]*toldSaga{}, holds: map[string]*toldHold{}}
	l.book = &ledger{pause: l.delay}
	for _, s := range []*shelf{newShelf("account", "accounts", map[string]int64{}), newShelf("identity-provider", "identities", map[string]int64{})} {
		s.book = l.book
		l.shelves = append(l.shelves, s)
		r.serve(s)
	}
	for _, name := range []string{"billing", "shop"} {
		nc := r.connect(name)
		c, err := bus.NewClient(nc, name)
		if err == nil {
			err = l.listen(nc, name)
		}
		if err != nil {
			t.Fatal(err)
		}
		l.sources[name] = c
	}
	r.start()
	l.backUp()
	return l
}

// delay is mostly short; now and then a permit ends over it.
func (l *lives) delay() time.Duration {
	if l.random(20) == 0 {
		return l.some(time.Second)
	}
	return l.some(20 * time.Millisecond)
}

// live has traffic for a while, in which a backup or two are taken, and leaves it unfinished.
func (l *lives) live() {
	ctx, cancel := context.WithCancel(l.r.t.Context())
	all := l.play(ctx, 40)
	for range 1 + l.random(2) {
		pause(ctx, l.some(1500*time.Millisecond))
		l.backUp()
	}
	pause(ctx, l.some(1500*time.Millisecond))
	l.die()
	cancel()
	all.Wait()
}

// backUp copies the store between two commits.
func (l *lives) backUp() {
	l.r.t.Helper()
	b := backup{path: filepath.Join(l.r.t.TempDir(), "db"), dismissed: maps.Clone(l.dismissed)}
	done := make(chan struct{})
	first := true
	l.r.store.after(func(storage.Batch) {
		if first {
			copyFile(l.r.t, b.path, l.r.store.path)
			first = false
			close(done)
		}
	})
	l.commitUntil(done)
	l.r.store.after(nil)
	l.backups = append(l.backups, b)
}

// die fails a commit, before or after it is made: from then on nothing is said or done.
func (l *lives) die() {
	made := l.random(2) == 0
	l.r.store.set(func(b storage.Batch) error {
		if made {
			_ = l.r.store.Store.Commit(context.Background(), b)
		}
		return errDisk
	})
	ended := l.r.ended
	dead := make(chan struct{})
	go func() { l.death = <-ended; close(dead) }()
	l.commitUntil(dead)
}

// commitUntil has the writer commit something, again while the bus is not held.
func (l *lives) commitUntil(done <-chan struct{}) {
	for {
		_ = l.r.orch.NotePoint(l.r.t.Context())
		select {
		case <-done:
			return
		case <-l.r.t.Context().Done():
			l.r.t.Fatal("no commit")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// kill buries what died.
func (l *lives) kill() {
	l.r.t.Helper()
	if !errors.Is(l.death, errDisk) {
		l.r.t.Fatalf("it ended with %v", l.death)
	}
	l.r.stop = func() {}
	l.r.store.set(nil)
}

// restore puts back any of the backups, and the keys as they are.
func (l *lives) restore() {
	l.r.t.Helper()
	b := l.backups[l.random(len(l.backups))]
	_, _ = l.r.store.Close(), l.r.vault.Close()
	copyFile(l.r.t, l.r.store.path, b.path)
	l.r.reopen()
	if err := orchestrator.MarkRestored(l.r.t.Context(), l.r.store, time.Now()); err != nil {
		l.r.t.Fatal(err)
	}
	l.takeOver, l.dismissed = true, maps.Clone(b.dismissed)
	l.r.start()
}

// confirm is the operator's word to go on.
func (l *lives) confirm() {
	l.r.t.Helper()
	unknown := l.r.orch.Recovery().Unknown
	eventually(l.r.t, "confirmed", func() bool {
		err := l.r.orch.ConfirmRecovered(l.r.t.Context(), "Alex", "looked at")
		return err == nil || errors.Is(err, orchestrator.ErrNothingToConfirm)
	})
	for _, u := range unknown {
		l.dismissed[u.Request] = true
	}
}

// wasBusy fails a test in which nothing happened that could have gone wrong.
func (l *lives) wasBusy() {
	var cancelled, ended, erased int
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.told {
		if !t.cancelled.IsZero() {
			cancelled++
		}
		if t.summary != nil {
			ended++
		}
	}
	for _, g := range l.book.all() {
		if g.Verb == "erase" && !g.acted.IsZero() {
			erased++
		}
	}
	l.r.t.Logf("sagas %d, cancelled %d, ended %d, erased %d, holds %d, permits %d", len(l.told), cancelled, ended, erased, len(l.holds), len(l.book.all()))
	if cancelled == 0 || ended == 0 || erased == 0 || len(l.holds) == 0 {
		l.r.t.Error("too little happened")
	}
}
