package storagetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

func atomic(t *testing.T, b *bench) {
	b.Start("s1")
	b.commit()
	sent := b.unsent[:1]

	b.Start("s2")
	b.End("0195f3a0-0000-7000-8000-000000000001")
	bad := b.Take()
	bad.Sent = sent
	bad.Meta = map[string][]byte{"k": []byte("v")}
	bad.DeadLetters = []storage.DeadLetter{{At: b.now}}
	bad.Plans = []saga.Plan{{Name: "another"}}
	bad.Sagas[len(bad.Sagas)-1].State.Head = saga.Hash{}
	b.Undo()
	keys := b.Keys()
	keys.Plans = append(keys.Plans, bad.Plans[0].Digest())
	before := Dump(t.Context(), b.store, keys)
	b.fails(bad, storage.ErrConflict)
	b.equal(Dump(t.Context(), b.store, keys), before)
	b.reopen()
	b.equal(Dump(t.Context(), b.store, keys), before)
}

func changesFollow(t *testing.T, b *bench) {
	live, ended := b.Start("s1"), b.Start("s2")
	b.End(ended)
	b.commit()
	b.Advance(live)
	good := b.Take().Sagas[0]
	b.Undo()
	over := storage.Change{State: b.sagas[ended], Summary: []byte("another")}

	for name, change := range map[string]storage.Change{
		"a final saga goes on":          over,
		"entries are missing":           with(good, func(c *storage.Change) { c.Entries = c.Entries[1:] }),
		"entries are out of order":      with(good, func(c *storage.Change) { c.Entries[0].Seq++ }),
		"an entry was changed":          with(good, func(c *storage.Change) { c.Entries[0].Reason = "changed" }),
		"the head is another":           with(good, func(c *storage.Change) { c.State.Head[0]++ }),
		"a state without its entries":   with(good, func(c *storage.Change) { c.Entries = nil }),
		"a live saga without wake-up":   with(good, func(c *storage.Change) { c.Wake = time.Time{} }),
		"a live saga with a summary":    with(good, func(c *storage.Change) { c.Summary = []byte("{}") }),
		"a saga without its beginning":  with(good, func(c *storage.Change) { c.State.ID = "0195f3a0-0000-7000-8000-00000000ffff" }),
		"a saga without an id":          with(good, func(c *storage.Change) { c.State.ID = "" }),
		"a saga with a zero in its id":  with(good, func(c *storage.Change) { c.State.ID += "\x00" }),
		"a final saga without summary":  with(good, func(c *storage.Change) { c.State.Phase, c.Wake = saga.Completed, time.Time{} }),
		"a final saga with a wake-up":   with(good, func(c *storage.Change) { c.State.Phase, c.Summary = saga.Completed, []byte("{}") }),
		"a saga whose plan is not kept": with(good, func(c *storage.Change) { c.State.Plan = "other" }),
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.T = t
			b.fails(storage.Batch{Log: 2, Sagas: []storage.Change{change}}, storage.ErrConflict)
		})
	}
	b.must(b.store.Commit(t.Context(), storage.Batch{Log: 2, Sagas: []storage.Change{good}}))
}

func with(c storage.Change, f func(*storage.Change)) storage.Change {
	c = clone(storage.Batch{Sagas: []storage.Change{c}}).Sagas[0]
	f(&c)
	return c
}

func twiceInBatch(t *testing.T, b *bench) {
	id := b.Start("s1")
	batch := b.Take()
	b.Advance(id)
	batch.Sagas = append(batch.Sagas, b.pending.Sagas...)
	b.must(b.store.Commit(t.Context(), batch))

	st, err := b.store.Load(t.Context(), id)
	b.must(err)
	history, err := b.store.History(t.Context(), id)
	b.must(err)
	if st.Seq != b.sagas[id].Seq || len(history) != int(st.Seq) {
		t.Errorf("got %d entries and state %d, want %d", len(history), st.Seq, b.sagas[id].Seq)
	}
	if timers := all(b.store.Timers(t.Context())); len(timers) != 1 {
		t.Errorf("got timers %q, want one", timers)
	}
}

func oneLiveSaga(t *testing.T, b *bench) {
	b.Start("s1")
	b.Start("s1")
	b.fails(b.Take(), storage.ErrConflict)
	b.Undo()

	b.Start("s1")
	first := b.Take()
	first.Plans = []saga.Plan{b.plan}
	b.must(b.store.Commit(t.Context(), first))
	b.Start("s1")
	b.fails(b.Take(), storage.ErrConflict)
}

func subjectFreed(t *testing.T, b *bench) {
	old := b.Start("s1")
	b.commit()
	heir := b.Start("s1")
	b.End(old)
	b.commit()
	if id, err := b.store.BySlot(t.Context(), "s1"); id != heir || err != nil {
		t.Errorf("got %s, %v, want %s", id, err, heir)
	}
	b.End(heir)
	b.commit()
	_, err := b.store.BySlot(t.Context(), "s1")
	b.absent("subject", err)
	b.equal(b.dump(), b.Expected())
}

func vaultDropped(t *testing.T, b *bench) {
	id := b.Start("s1")
	b.commit()
	b.change(id).Vault = []byte("sealed again")
	b.commit()
	if box, err := b.store.Vault(t.Context(), id); string(box) != "sealed again" || err != nil {
		t.Errorf("got %q, %v", box, err)
	}
	b.Advance(id) // its change has no box: the one before stays
	b.commit()
	if box, err := b.store.Vault(t.Context(), id); string(box) != "sealed again" || err != nil {
		t.Errorf("got %q, %v", box, err)
	}
	b.End(id)
	b.change(id).Vault = []byte("too late")
	b.commit()
	_, err := b.store.Vault(t.Context(), id)
	b.absent("vault", err)
}

func summaryOnce(t *testing.T, b *bench) {
	id := b.Start("s1")
	b.commit()
	_, err := b.store.Summary(t.Context(), id)
	b.absent("summary", err)
	b.End(id)
	b.commit()
	first, err := b.store.Summary(t.Context(), id)
	b.must(err)
	again := storage.Change{State: b.sagas[id], Summary: []byte("another")}
	b.fails(storage.Batch{Log: 3, Sagas: []storage.Change{again}}, storage.ErrConflict)
	b.reopen()
	if now, err := b.store.Summary(t.Context(), id); string(now) != string(first) || err != nil {
		t.Errorf("got %q, %v, want %q", now, err, first)
	}
	history, err := b.store.History(t.Context(), id)
	b.must(err)
	if st, err := saga.Fold(history); err != nil || st.Head != b.sagas[id].Head {
		t.Errorf("a finished history folds to %s, %v, want %s", st.Head, err, b.sagas[id].Head)
	}
}

func finishedFrom(t *testing.T, b *bench) {
	var ids []saga.ID
	for range 30 {
		id := b.Start("s")
		b.End(id)
		ids = append(ids, id)
	}
	b.commit()
	for _, from := range []int{0, 1, 15, 29, 30} {
		after := saga.ID("")
		if from > 0 {
			after = ids[from-1]
		}
		var got []saga.ID
		for id, err := range b.store.Finished(t.Context(), after) {
			b.must(err)
			got = append(got, id)
		}
		if !slices.Equal(got, ids[from:]) {
			t.Errorf("after %q: got %d ids, want %d", after, len(got), len(ids)-from)
		}
	}
}

func damagedAlone(t *testing.T, b *bench) {
	victim, other, ended := b.Start("s1"), b.Start("s2"), b.Start("s3")
	b.End(ended)
	b.commit()
	b.must(b.store.Close())
	b.place.Damage(t, victim)
	b.place.Damage(t, ended)
	b.store = b.place.Open(t)

	for _, id := range []saga.ID{victim, ended} {
		_, loadErr := b.store.Load(t.Context(), id)
		_, historyErr := b.store.History(t.Context(), id)
		for _, err := range []error{loadErr, historyErr} {
			var where *storage.DamagedError
			if !errors.As(err, &where) || where.Saga != id {
				t.Errorf("saga %s: got %v, want a DamagedError of it", id, err)
			}
		}
	}
	if _, err := b.store.Summary(t.Context(), ended); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("summary: got %v, want %v", err, storage.ErrDamaged)
	}
	if live := all(b.store.Live(t.Context())); len(live) != 2 || live[0] != Damaged || live[1] == Damaged {
		t.Errorf("live: got %q", live)
	}
	if id, err := b.store.BySlot(t.Context(), "s1"); id != victim || err != nil {
		t.Errorf("the damaged saga's subject: got %s, %v, want %s", id, err, victim)
	}
	b.Advance(other)
	b.Advance(victim)
	b.damages(b.Take(), victim)
	b.Undo()
}

// damages commits a batch that a damaged saga keeps back, and then without that saga.
func (b *bench) damages(batch storage.Batch, victim saga.ID) {
	b.Helper()
	var where *storage.DamagedError
	if err := b.store.Commit(b.Context(), batch); !errors.As(err, &where) || where.Saga != victim {
		b.Errorf("commit: got %v, want a DamagedError of %s", err, victim)
	}
	batch.Sagas = slices.DeleteFunc(batch.Sagas, func(c storage.Change) bool { return c.State.ID == victim })
	b.must(b.store.Commit(b.Context(), batch))
}
