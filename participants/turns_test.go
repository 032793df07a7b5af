package participants

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gone lists who went, in order, and when after the start.
type gone struct {
	mu    sync.Mutex
	names []string
	after []time.Duration
}

func (g *gone) note(name string, began time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.names, g.after = append(g.names, name), append(g.after, time.Since(began))
}

func TestTurnsComeAtTheirPaceNearestDeadlineFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		turns, g := &turns{every: time.Second}, &gone{}
		var all sync.WaitGroup
		for _, w := range []struct {
			name string
			due  time.Duration
		}{{"first come", 9 * time.Hour}, {"none", 0}, {"late", 3 * time.Hour}, {"none too", 0}, {"soon", time.Hour}, {"late too", 3 * time.Hour}} {
			deadline := began.Add(w.due)
			if w.due == 0 {
				deadline = time.Time{}
			}
			all.Go(func() {
				if turns.wait(t.Context(), deadline, time.Minute) {
					g.note(w.name, began)
				}
			})
			synctest.Wait() // one after the other
		}
		all.Wait()
		if want := []string{"first come", "soon", "late", "late too", "none", "none too"}; !slices.Equal(g.names, want) {
			t.Errorf("went %v, want %v", g.names, want)
		}
		for i, after := range g.after {
			if after != time.Duration(i)*time.Second {
				t.Errorf("turn %d came after %s", i, after)
			}
		}
	})
}

func TestABurstGoesAtOnceAndIsSavedUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := &turns{every: time.Second, burst: 2 * time.Second}
		went := func(n int) time.Duration {
			began := time.Now()
			for range n {
				if !turns.wait(t.Context(), time.Time{}, time.Hour) {
					t.Fatal("no turn")
				}
			}
			return time.Since(began)
		}
		for _, pause := range []time.Duration{0, 3 * time.Second, time.Hour} {
			time.Sleep(pause)
			if took := went(3); took != 0 {
				t.Errorf("after a pause of %s a burst of 3 took %s", pause, took)
			}
			if took := went(2); took != 2*time.Second {
				t.Errorf("two more took %s, want 2 s", took)
			}
		}
	})
}

func TestWhoLeavesTakesNobodysTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, g := &turns{every: time.Second}, &gone{}
		turns.wait(t.Context(), time.Time{}, 0)
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if turns.wait(ctx, began.Add(time.Hour), time.Minute) {
				t.Error("whose context ended has a turn")
			}
		})
		synctest.Wait()
		all.Go(func() {
			if turns.wait(t.Context(), began.Add(2*time.Hour), time.Minute) {
				g.note("next", began)
			}
		})
		synctest.Wait()
		cancel()
		all.Wait()
		if !slices.Equal(g.after, []time.Duration{time.Second}) {
			t.Errorf("the next one went after %v, want 1 s", g.after)
		}
		turns.mu.Lock() // who let the last one go may still have it
		defer turns.mu.Unlock()
		if len(turns.queue) != 0 || turns.bell != nil {
			t.Errorf("%d still wait", len(turns.queue))
		}
	})
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := &turns{every: time.Minute}
		turns.wait(t.Context(), time.Time{}, 0)
		began := time.Now()
		if turns.wait(t.Context(), time.Time{}, 59*time.Second) || time.Since(began) != 0 {
			t.Errorf("who cannot have a turn in time waited for %s", time.Since(began))
		}
		var all sync.WaitGroup
		all.Go(func() { turns.wait(t.Context(), began.Add(time.Hour), 2*time.Minute) })
		synctest.Wait()
		if turns.wait(t.Context(), began.Add(2*time.Hour), 90*time.Second) {
			t.Error("two had one turn")
		}
		if took := time.Since(began); took != 90*time.Second {
			t.Errorf("patience of 90 s ended after %s", took)
		}
		all.Wait()
	})
}

func TestAPauseHoldsWhoWaitsAndWhoComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := &turns{every: time.Second}
		turns.wait(t.Context(), time.Time{}, 0)
		began := time.Now()
		var all sync.WaitGroup
		all.Go(func() {
			if !turns.wait(t.Context(), time.Time{}, time.Minute) || time.Since(began) != 30*time.Second {
				t.Errorf("who waited went after %s, want 30 s", time.Since(began))
			}
		})
		synctest.Wait()
		turns.pause(began.Add(30 * time.Second))
		turns.pause(began.Add(10 * time.Second)) // a shorter one changes nothing
		if turns.wait(t.Context(), time.Time{}, 20*time.Second) {
			t.Error("a turn within a pause")
		}
		all.Wait()
	})
}
