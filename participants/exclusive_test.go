package participants_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/participants"
)

func TestNobodyActsBesideWhoHoldsAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := participants.NewExclusive()
		var acting [20]atomic.Int32
		var all sync.WaitGroup
		for range 300 { // whoever takes them in another order would wait for ever
			keys := rand.Perm(len(acting))[:3]
			all.Go(func() {
				end, err := x.Take(t.Context(), fmt.Sprint(keys[0]), fmt.Sprint(keys[1]), fmt.Sprint(keys[2]), fmt.Sprint(keys[0]))
				if err != nil {
					t.Error(err)
					return
				}
				defer end()
				for _, k := range keys {
					if acting[k].Add(1) != 1 {
						t.Errorf("two act on %d", k)
					}
				}
				time.Sleep(time.Millisecond)
				for _, k := range keys {
					acting[k].Add(-1)
				}
			})
		}
		all.Wait()
	})
}

func TestWhoWaitsForAKeyStopsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := participants.NewExclusive()
		end, err := x.Take(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := x.Take(ctx, "b", "a", "c"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the context", err)
		}
		end()
		if end, err = x.Take(t.Context(), "a", "b", "c"); err != nil { // what it had by then is free
			t.Fatal(err)
		}
		end()
	})
}
