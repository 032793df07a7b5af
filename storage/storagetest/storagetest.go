// Package storagetest holds every storage.Store to one behaviour: [Run] is the
// conformance suite that each implementation's tests call.
//
// Its batches are real: a [Driver] drives sagas through saga.Next as the orchestrator
// does. What a store should hold after them is worked out from the list of batches alone,
// by a ledger without any index, so two stores that pass hold the same.
//
// [Driver] and [Dump] are exported for the tests that only one store needs, such as
// flipping its bytes or killing its process.
package storagetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Reopener is one store's place on disk, empty at first.
type Reopener interface {
	// Open opens the store with what is in its place. The one opened before is closed.
	Open(t testing.TB) storage.Store
	// Damage changes the stored state of a saga, as a failing disk would. No store is open.
	Damage(t testing.TB, id saga.ID)
}

// Run holds the stores that open makes to the contract. Each call of open is for another
// store.
func Run(t *testing.T, open func(t *testing.T) Reopener) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"an empty store has nothing", empty},
		{"a reopened store has everything", reopened},
		{"a closed store says so", closed},
		{"a cancelled context ends reads and refuses commits", cancelled},
		{"batches come in log order", logOrder},
		{"a batch that does not fit changes nothing", atomic},
		{"a change follows what is stored", changesFollow},
		{"a saga may be in a batch twice", twiceInBatch},
		{"a subject has one live saga", oneLiveSaga},
		{"a final state frees its subject in the same batch", subjectFreed},
		{"the vault is replaced, and gone with the final state", vaultDropped},
		{"a summary is stored once", summaryOnce},
		{"finished sagas are listed from an id on", finishedFrom},
		{"a pruned saga leaves its tombstone alone", prunedLeavesTombstone},
		{"an audit folds those that moved last, and names the damaged", audited},
		{"nothing is shared with the caller", nothingShared},
		{"the outbox keeps its order until sent", outboxOrder},
		{"timers come earliest first and follow the saga", timerOrder},
		{"request keys are replaced and expire", requestsExpire},
		{"dead letters are bounded", lettersBounded},
		{"plans and meta values are found again", plansAndMeta},
		{"a damaged saga harms no other", damagedAlone},
		{"iterations may stop early and may commit", iterationsStop},
		{"readers run beside commits", readersBesideCommits},
		{"any run of sagas reads back as it was written", anyRun},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{T: t, open: open, place: open(t), Driver: NewDriver(never)}
			b.store = b.place.Open(t)
			defer func() { _ = b.store.Close() }()
			c.test(t, b)
		})
	}
}

// never always chooses the first: everything succeeds.
func never(int) int { return 0 }

// bench is a store under test with the driver that fills it.
type bench struct {
	*testing.T
	*Driver
	open  func(*testing.T) Reopener
	place Reopener
	store storage.Store
}

// commit commits what the driver has pending.
func (b *bench) commit() {
	b.Helper()
	b.must(b.store.Commit(b.Context(), b.Take()))
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// fails commits a batch that must be refused with want and change nothing.
func (b *bench) fails(batch storage.Batch, want error) {
	b.Helper()
	before := b.dump()
	if err := b.store.Commit(b.Context(), batch); !errors.Is(err, want) {
		b.Errorf("commit: got %v, want %v", err, want)
	}
	b.equal(b.dump(), before)
}

func (b *bench) reopen() {
	b.Helper()
	b.must(b.store.Close())
	b.store = b.place.Open(b.T)
}

func (b *bench) dump() map[string][]string { return Dump(b.Context(), b.store, b.Keys()) }

func (b *bench) equal(got, want map[string][]string) {
	b.Helper()
	for _, d := range Differences(got, want) {
		b.Error(d)
	}
}

// absent reports a read that must say not found.
func (b *bench) absent(what string, err error) {
	b.Helper()
	if !errors.Is(err, storage.ErrNotFound) {
		b.Errorf("%s: got %v, want %v", what, err, storage.ErrNotFound)
	}
}

func empty(t *testing.T, b *bench) {
	ctx := t.Context()
	_, err := b.store.Load(ctx, "none")
	b.absent("load", err)
	_, err = b.store.History(ctx, "none")
	b.absent("history", err)
	_, err = b.store.Summary(ctx, "none")
	b.absent("summary", err)
	_, err = b.store.Vault(ctx, "none")
	b.absent("vault", err)
	_, err = b.store.BySlot(ctx, "none")
	b.absent("subject", err)
	_, err = b.store.Request(ctx, "none")
	b.absent("request", err)
	_, err = b.store.Plan(ctx, "none")
	b.absent("plan", err)
	_, err = b.store.Meta(ctx, "none")
	b.absent("meta", err)
	b.equal(b.dump(), new(ledger).dump(Keys{}))
}

func reopened(t *testing.T, b *bench) {
	b.Start("s1")
	b.End(b.Start("s2"))
	b.commit()
	b.Start("s3")
	b.pending.DeadLetters = []storage.DeadLetter{{At: b.now, Origin: "ERASURE_REQUESTS_demo", Size: 3, Digest: "v1:0f", Fault: "subject: missing"}}
	b.pending.Meta = map[string][]byte{"instance": []byte("i1"), "empty": {}}
	b.pending.Holds = []storage.Hold{
		{Hold: saga.Hold{ID: "h1", Participant: "sessions", Ground: "litigation", By: "counsel", At: b.now, Until: b.now.Add(time.Hour)}, On: []string{"v1:0a"}},
		{Hold: saga.Hold{ID: "h2", Ground: "audit", By: "counsel", At: b.now}, On: []string{"v1:0b", "v2:0b"}},
		{Hold: saga.Hold{ID: "h3", Ground: "audit", By: "counsel", At: b.now}, On: []string{"v1:0c"}}}
	b.commit()
	b.pending.Released = []string{"h3", "never placed"}
	b.commit()
	before := b.dump()
	b.equal(before, b.ledger.dump(b.Keys()))
	for range 2 {
		b.reopen()
		b.equal(b.dump(), before)
	}
	b.Start("s4")
	b.commit()
}

func closed(t *testing.T, b *bench) {
	id := b.Start("s1")
	b.commit()
	b.must(b.store.Close())
	if _, err := b.store.Load(t.Context(), id); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("load: got %v, want %v", err, storage.ErrClosed)
	}
	for _, err := range b.store.Timers(t.Context()) {
		if !errors.Is(err, storage.ErrClosed) {
			t.Errorf("timers: got %v, want %v", err, storage.ErrClosed)
		}
	}
	b.Start("s2")
	if err := b.store.Commit(t.Context(), b.Take()); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("commit: got %v, want %v", err, storage.ErrClosed)
	}
	if err := b.store.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

func cancelled(t *testing.T, b *bench) {
	id := b.Start("s1")
	b.commit()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.store.Load(ctx, id)
	for _, iterErr := range b.store.Live(ctx) {
		err = errors.Join(err, iterErr)
	}
	b.Start("s2")
	batch := b.Take()
	err = errors.Join(err, b.store.Commit(ctx, batch))
	if n := len(err.(interface{ Unwrap() []error }).Unwrap()); n != 2 || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want three times %v", err, context.Canceled)
	}
	b.must(b.store.Commit(t.Context(), batch))
}

func logOrder(t *testing.T, b *bench) {
	b.fails(storage.Batch{Log: 2}, storage.ErrOrder)
	b.fails(storage.Batch{Log: 0}, storage.ErrOrder)
	b.Start("s1")
	b.commit()
	b.fails(storage.Batch{Log: 1}, storage.ErrOrder)
	b.fails(storage.Batch{Log: 3}, storage.ErrOrder)
	b.fails(storage.Batch{Log: 2, Holds: []storage.Hold{{On: []string{"v1:0a"}}}}, storage.ErrConflict)
	b.fails(storage.Batch{Log: 2, Holds: []storage.Hold{{Hold: saga.Hold{ID: "h1"}}}}, storage.ErrConflict)
	b.must(b.store.Commit(t.Context(), storage.Batch{Log: 2})) // nothing but its number
	if n, err := b.store.LastLog(t.Context()); n != 2 || err != nil {
		t.Errorf("last log: got %d, %v, want 2", n, err)
	}
}

func nothingShared(t *testing.T, b *bench) {
	id := b.Start("s1")
	b.pending.Meta = map[string][]byte{"k": []byte("value")}
	batch := b.Take()
	b.must(b.store.Commit(t.Context(), batch))
	before := b.dump()
	scribble(batch)
	b.equal(b.dump(), before)

	st, err := b.store.Load(t.Context(), id)
	b.must(err)
	st.Shares[0].Name, st.Requests[0].ID = "scribbled", "scribbled"
	box, err := b.store.Vault(t.Context(), id)
	b.must(err)
	box[0]++
	v, err := b.store.Meta(t.Context(), "k")
	b.must(err)
	v[0]++
	b.equal(b.dump(), before)
}

// scribble changes everything in a batch that a careless store could still point to.
func scribble(batch storage.Batch) {
	for _, c := range batch.Sagas {
		c.State.Shares[0].Name, c.State.Requests[0].ID = "scribbled", "scribbled"
		c.Entries[0].Request.ID = "scribbled"
		c.Vault[0]++
	}
	for _, m := range batch.Outbox {
		m.Data[0]++
		m.Header["ce-type"][0] = "scribbled"
	}
	for _, k := range slices.Collect(maps.Keys(batch.Meta)) {
		batch.Meta[k][0]++
	}
	batch.Plans[0].Participants[0].Name = "scribbled"
}
