package storagetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

func outboxOrder(t *testing.T, b *bench) {
	var want []storage.MessageKey
	for log := range uint64(300) { // past 255, so that byte order has to be right
		batch := storage.Batch{Log: log + 1}
		for _, i := range []uint32{0, 1, 300} {
			k := storage.MessageKey{Log: log + 1, Index: i}
			want = append(want, k)
			batch.Outbox = append(batch.Outbox, storage.Message{Key: k, Subject: "erasure.command.sessions", Data: []byte("{}"), At: b.now})
		}
		b.must(b.store.Commit(t.Context(), batch))
	}
	b.outbox(want)

	for _, bad := range [][]storage.MessageKey{{{Log: 300}}, {{Log: 302}}, {{Log: 301, Index: 1}, {Log: 301}}, {{Log: 301}, {Log: 301}}} {
		batch := storage.Batch{Log: 301}
		for _, k := range bad {
			batch.Outbox = append(batch.Outbox, storage.Message{Key: k})
		}
		b.fails(batch, storage.ErrConflict)
	}

	b.fails(storage.Batch{Log: 301, Requests: []storage.RequestKey{{}}}, storage.ErrConflict)
	b.fails(storage.Batch{Log: 301, Meta: map[string][]byte{"": nil}}, storage.ErrConflict)

	sent := []storage.MessageKey{want[600], want[0], want[450], want[0], {Log: 9999, Index: 1}}
	want = slices.DeleteFunc(want, func(k storage.MessageKey) bool { return slices.Contains(sent, k) })
	b.must(b.store.Commit(t.Context(), storage.Batch{Log: 301, Sent: sent}))
	b.outbox(want)
	b.reopen()
	b.outbox(want)
	b.must(b.store.Commit(t.Context(), storage.Batch{Log: 302, Sent: sent})) // again: nothing
	b.outbox(want)
}

func (b *bench) outbox(want []storage.MessageKey) {
	b.Helper()
	var got []storage.MessageKey
	for m, err := range b.store.Outbox(b.Context()) {
		b.must(err)
		got = append(got, m.Key)
	}
	if !slices.Equal(got, want) {
		b.Errorf("outbox: got %d messages in another order, want %d", len(got), len(want))
	}
}

func timerOrder(t *testing.T, b *bench) {
	var ids []saga.ID
	for i := range 300 {
		ids = append(ids, b.Start(fmt.Sprintf("s%d", i)))
	}
	at := func(i int, wake time.Time) { b.change(ids[i]).Wake = wake }
	at(0, time.Date(2262, 5, 1, 0, 0, 0, 0, time.UTC)) // past what 64 bits of nanoseconds hold
	at(1, time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC))
	at(2, b.now.Add(time.Nanosecond))
	at(3, b.now.Add(-time.Nanosecond))
	b.commit()
	b.equal(b.dump(), b.Expected())

	b.change(ids[0]).Wake = b.now.Add(-time.Hour)
	b.End(ids[1])
	b.commit()
	b.equal(b.dump(), b.Expected())
	if n := len(all(b.store.Timers(t.Context()))); n != 299 {
		t.Errorf("got %d timers, want one for each live saga, 299", n)
	}
}

func requestsExpire(t *testing.T, b *bench) {
	key := func(k string, after time.Duration, request string) storage.RequestKey {
		return storage.RequestKey{Key: k, Saga: "s", Request: request, Expires: b.now.Add(after)}
	}
	has := func(k, want string) {
		t.Helper()
		r, err := b.store.Request(t.Context(), k)
		if want == "" {
			b.absent(k, err)
			return
		}
		if err != nil || r.Request != want || r.Saga != "s" {
			t.Errorf("%s: got %+v, %v, want request %s", k, r, err, want)
		}
	}
	b.must(b.store.Commit(t.Context(), storage.Batch{Log: 1, Requests: []storage.RequestKey{
		key("k1", time.Second, "r1"), key("k2", time.Minute, "r2"), key("k3", time.Hour, "r3"), key("k3", time.Second, "r3 again")}}))
	has("k3", "r3 again")
	b.must(b.store.Commit(t.Context(), storage.Batch{Log: 2, Requests: []storage.RequestKey{key("k1", time.Hour, "r1 again")}}))
	b.must(b.store.Commit(t.Context(), storage.Batch{Log: 3, Expire: b.now.Add(time.Minute)}))
	has("k1", "r1 again") // the later expiry counts
	has("k2", "r2")       // it expires at that moment, not before
	has("k3", "")
	b.must(b.store.Commit(t.Context(), storage.Batch{Log: 4, Expire: b.now.Add(time.Minute + 1),
		Requests: []storage.RequestKey{key("k4", 0, "r4"), key("k5", time.Hour, "r5")}}))
	b.reopen()
	has("k1", "r1 again")
	has("k2", "")
	has("k4", "")
	has("k5", "r5")
}

func lettersBounded(t *testing.T, b *bench) {
	n := 0
	for log := range uint64(4) {
		batch := storage.Batch{Log: log + 1}
		for range storage.DeadLetterLimit / 3 {
			n++
			batch.DeadLetters = append(batch.DeadLetters, storage.DeadLetter{At: b.now, Size: n})
		}
		b.must(b.store.Commit(t.Context(), batch))
	}
	b.reopen()
	next := n - storage.DeadLetterLimit
	for l, err := range b.store.DeadLetters(t.Context()) {
		b.must(err)
		if next++; l.Size != next {
			t.Fatalf("got letter %d, want %d", l.Size, next)
		}
	}
	if next != n {
		t.Errorf("the newest letter is %d, want %d", next, n)
	}
}

func plansAndMeta(t *testing.T, b *bench) {
	other := b.plan
	other.Name = "other"
	b.must(b.store.Commit(t.Context(), storage.Batch{Log: 1, Plans: []saga.Plan{b.plan, other, b.plan},
		Meta: map[string][]byte{"a": []byte("1"), "b": {}}}))
	b.must(b.store.Commit(t.Context(), storage.Batch{Log: 2, Plans: []saga.Plan{other}, Meta: map[string][]byte{"a": []byte("2")}}))
	b.reopen()
	for _, p := range []saga.Plan{b.plan, other} {
		if got, err := b.store.Plan(t.Context(), p.Digest()); err != nil || got.Digest() != p.Digest() {
			t.Errorf("plan %s: got %+v, %v", p.Name, got, err)
		}
	}
	for k, want := range map[string]string{"a": "2", "b": ""} {
		if v, err := b.store.Meta(t.Context(), k); err != nil || string(v) != want {
			t.Errorf("meta %s: got %q, %v, want %q", k, v, err, want)
		}
	}
}
