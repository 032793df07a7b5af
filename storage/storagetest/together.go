package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

func iterationsStop(t *testing.T, b *bench) {
	for i := range 3 {
		b.Start(fmt.Sprintf("s%d", i))
		b.End(b.Start(fmt.Sprintf("t%d", i)))
		b.pending.DeadLetters = append(b.pending.DeadLetters, storage.DeadLetter{At: b.now})
	}
	b.commit()
	// Were anything held back when the body breaks, the commit in the next body would hang.
	for range b.store.Timers(t.Context()) {
		break
	}
	for range b.store.Outbox(t.Context()) {
		break
	}
	for range b.store.Finished(t.Context(), "") {
		break
	}
	for range b.store.DeadLetters(t.Context()) {
		break
	}
	for st, err := range b.store.Live(t.Context()) {
		b.must(err)
		b.Advance(st.ID)
		b.commit()
	}
	b.equal(b.dump(), b.Expected())
}

// readersBesideCommits reads single sagas while they are committed to: History must fit
// the state of its own moment, and a state must be one that was committed.
func readersBesideCommits(t *testing.T, b *bench) {
	var ids []saga.ID
	for i := range 4 {
		ids = append(ids, b.Start(fmt.Sprintf("s%d", i)))
	}
	b.commit()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			for seen := uint64(0); ; {
				select {
				case <-done:
					return
				default:
					seen = b.readBeside(id, seen)
				}
			}
		})
	}
	for range 12 {
		for _, id := range ids {
			if !b.sagas[id].Phase.Final() {
				b.Advance(id)
			}
		}
		b.commit()
	}
	for _, id := range ids {
		b.End(id)
	}
	b.commit()
	close(done)
	wg.Wait()
	b.equal(b.dump(), b.Expected())
}

func (b *bench) readBeside(id saga.ID, seen uint64) uint64 {
	st, err := b.store.Load(b.Context(), id)
	if err != nil || st.Seq < seen {
		b.Errorf("load %s: state %d after %d: %v", id, st.Seq, seen, err)
	}
	history, err := b.store.History(b.Context(), id)
	if err != nil || uint64(len(history)) < st.Seq {
		b.Errorf("history %s: %d entries for state %d: %v", id, len(history), st.Seq, err)
	}
	if _, err := b.store.Vault(b.Context(), id); err != nil && !errors.Is(err, storage.ErrNotFound) {
		b.Errorf("vault %s: %v", id, err)
	}
	live := 0
	for _, err := range b.store.Live(b.Context()) {
		if live++; err != nil {
			b.Errorf("live: %v", err)
		}
	}
	return st.Seq
}

// anyRun plays random sagas and reads everything back after each reopening. Over all its
// runs these are a thousand sagas; with the race detector, or -short, a fifth of that.
func anyRun(t *testing.T, b *bench) {
	b.must(b.store.Close())
	sagas, runs := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		if runs++; raced && runs > 20 {
			return
		}
		d := NewDriver(func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") })
		run := &bench{T: t, open: b.open, place: b.open(t), Driver: d}
		run.store = run.place.Open(t)
		defer func() { _ = run.store.Close() }()
		for range 2 {
			for range 14 {
				d.Play()
				if err := run.store.Commit(t.Context(), d.Take()); err != nil {
					rt.Fatal(err)
				}
			}
			if d.choose(2) == 1 {
				run.reopen()
			}
			for _, differs := range Differences(run.dump(), d.Expected()) {
				rt.Error(differs)
			}
		}
		sagas += d.Sagas()
	})
	t.Logf("%d sagas played", sagas)
	if sagas < 1000 && !testing.Short() && !raced {
		t.Errorf("only %d sagas were played", sagas)
	}
}
