package bolt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/storagetest"
)

func TestStoreThatWasUsedChecksClean(t *testing.T) {
	s := newPlace(t).open(t, Config{})
	d := storagetest.NewDriver(rand.New(rand.NewPCG(1, 2)).IntN)
	for range 200 {
		d.Play()
		must(t, s.Commit(t.Context(), d.Take()))
	}
	d.Prune()
	must(t, s.Commit(t.Context(), d.Take()))
	r, err := s.Check(t.Context())
	must(t, err)
	for _, f := range r.Faults {
		t.Errorf("saga %s: %s", f.Saga, f.What)
	}
	if r.Live == 0 || r.Finished == 0 || r.Pruned == 0 || r.Live+r.Finished+r.Pruned != d.Sagas() {
		t.Errorf("got %d live, %d finished and %d pruned sagas, want %d in all", r.Live, r.Finished, r.Pruned, d.Sagas())
	}
}

// TestCheckFindsWhatDoesNotFit writes what the program never would, with checksums and
// digests that fit.
func TestCheckFindsWhatDoesNotFit(t *testing.T) {
	const live, other, ended = "0195f3a0-0000-7000-8000-000000000001", "0195f3a0-0000-7000-8000-000000000002", "0195f3a0-0000-7000-8000-000000000003"
	state := func(w *writer, id saga.ID, change func(*head)) error {
		h, err := w.head(id)
		must(t, err)
		change(&h)
		return w.putJSON(sagas, sagaKey(id, headSeq), h)
	}
	for _, c := range []struct {
		name string
		do   func(w *writer) error
		saga saga.ID
		want string
	}{
		{"a state that is not the fold", func(w *writer) error { return state(w, live, func(h *head) { h.State.Regime = "ccpa" }) }, live, "fold"},
		{"another head", func(w *writer) error { return state(w, live, func(h *head) { h.State.Head[0]++ }) }, live, "do not lead to"},
		{"another wake-up", func(w *writer) error { return state(w, live, func(h *head) { h.Wake = h.Wake.Add(1) }) }, live, "its timer"},
		{"a final state", func(w *writer) error { return state(w, live, func(h *head) { h.State.Phase = saga.Completed }) }, live, "it is final"},
		{"another saga's state", func(w *writer) error { return state(w, live, func(h *head) { h.State.ID = other }) }, live, "not its state"},
		{"no head", func(w *writer) error { return w.of[sagas].delete(sagaKey(live, headSeq)) }, live, "not found"},
		{"no segment", func(w *writer) error { return w.of[sagas].delete(sagaKey(live, 1)) }, live, "do not lead to"},
		{"a changed segment", func(w *writer) error { return w.of[sagas].put(sagaKey(live, 1), []byte("{}\n")) }, live, "do not lead to"},
		{"a segment too many", func(w *writer) error { return w.of[sagas].put(sagaKey(live, 99), []byte("{}\n")) }, live, "do not lead to"},
		{"no plan", func(w *writer) error { return w.of[plans].delete(w.anyKey(plans)) }, live, "its plan"},
		{"another plan", func(w *writer) error { return w.putJSON(plans, w.anyKey(plans), saga.Plan{Name: "other"}) }, ended, "its plan: it has another digest"},
		{"a timer too many", func(w *writer) error { return w.of[timers].put(timerKey(time.Now(), other), nil) }, "", "timers: 3 rows, of which 2"},
		{"no subject", func(w *writer) error { return w.of[subjects].delete([]byte("s1")) }, live, "its subject"},
		{"another's subject", func(w *writer) error { return w.of[subjects].put([]byte("s1"), []byte(other)) }, live, "its subject leads to saga " + other},
		{"a subject too many", func(w *writer) error { return w.of[subjects].put([]byte("s9"), []byte(other)) }, "", "subjects: 3 rows, of which 2"},
		{"the vault of a final saga", func(w *writer) error { return w.of[vault].put([]byte(ended), []byte("box")) }, "", "vault: 3 rows, of which 2"},
		{"no expiry", func(w *writer) error { return w.of[expiries].delete(w.anyKey(expiries)) }, live, "a request key"},
		{"a tombstone of nobody's", func(w *writer) error { return w.of[pruned].put([]byte("x"), []byte("{}")) }, "x", "not its tombstone"},
		{"a pruned saga that is still there", func(w *writer) error {
			d, err := w.finished(ended)
			must(t, err)
			return w.putJSON(pruned, []byte(ended), storage.TombstoneOf(d.state))
		}, ended, "is still there"},
		{"no summary", func(w *writer) error {
			d, err := w.finished(ended)
			must(t, err)
			state := strings.TrimSuffix(string(w.of[finished].bucket.Get([]byte(ended))[rowHead:]), string(d.history))
			state = strings.TrimSuffix(state, string(appendPart(nil, d.summary)))
			return w.of[finished].put([]byte(ended), append(appendPart([]byte(state), nil), d.history...))
		}, ended, "without a summary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			s := p.open(t, Config{})
			d := storagetest.NewDriver(func(int) int { return 0 })
			d.Start("s1")
			d.Start("s2")
			d.End(d.Start("s3"))
			must(t, s.Commit(t.Context(), d.Take()))
			must(t, s.db.Update(func(tx *bbolt.Tx) error {
				content, err := open(tx)
				must(t, err)
				w := &writer{content: content}
				return errors.Join(c.do(w), w.close())
			}))
			must(t, s.Close())
			expectFault(t, p.open(t, Config{}), c.saga, c.want)
		})
	}
}

func (w *writer) anyKey(table string) []byte {
	k, _ := w.of[table].bucket.Cursor().First()
	return append([]byte{}, k...)
}

func expectFault(t *testing.T, s *Store, id saga.ID, want string) {
	t.Helper()
	r, err := s.Check(t.Context())
	must(t, err)
	for _, f := range r.Faults {
		if f.Saga == id && strings.Contains(f.What, want) {
			return
		}
	}
	t.Errorf("got %+v, want one of saga %q with %q", r.Faults, id, want)
}

func TestCheckNamesTheSagaOfADamagedRow(t *testing.T) {
	for _, c := range []struct {
		table string
		key   func(id saga.ID) []byte
	}{
		{sagas, func(id saga.ID) []byte { return sagaKey(id, headSeq) }},
		{sagas, func(id saga.ID) []byte { return sagaKey(id, 1) }},
		{vault, func(id saga.ID) []byte { return []byte(id) }},
	} {
		p := newPlace(t)
		s := p.open(t, Config{})
		d := storagetest.NewDriver(func(int) int { return 0 })
		id := d.Start("s1")
		must(t, s.Commit(t.Context(), d.Take()))
		must(t, s.Close())
		if !p.flip(t, c.table, c.key(id)) {
			t.Fatalf("%s: no such row", c.table)
		}
		s = p.open(t, Config{})
		expectFault(t, s, id, c.table+": ")
		if r, err := s.Check(t.Context()); err != nil || len(r.Faults) > 2 {
			t.Errorf("%s: got %+v, %v", c.table, r.Faults, err)
		}
	}
}

// TestDamagedRowThatIsReplacedIsForgotten: the digest must fit again afterwards, also if
// the checksum itself was hit.
func TestDamagedRowThatIsReplacedIsForgotten(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, Config{})
	set := func(log uint64, v string) storage.Batch {
		return storage.Batch{Log: log, Meta: map[string][]byte{"k": []byte(v), "other": nil}}
	}
	must(t, s.Commit(t.Context(), set(1, "first")))
	row := rawRow(t, s, meta, []byte("k"))
	must(t, s.Close())
	row[3]++
	p.put(t, meta, []byte("k"), row)

	s = p.open(t, Config{})
	if _, err := s.Meta(t.Context(), "k"); !errors.Is(err, storage.ErrDamaged) {
		t.Fatalf("got %v, want %v", err, storage.ErrDamaged)
	}
	must(t, s.Commit(t.Context(), set(2, "second")))
	must(t, s.Close())
	s = p.open(t, Config{})
	if v, err := s.Meta(t.Context(), "k"); string(v) != "second" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Faults) > 0 {
		t.Errorf("check: %+v, %v", r.Faults, err)
	}
}

// TestDamagedRequestKeyIsReplaced: the expiry that the damaged one left behind must not
// take its successor along.
func TestDamagedRequestKeyIsReplaced(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, Config{})
	soon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := func(log uint64, expires time.Time) storage.Batch {
		return storage.Batch{Log: log, Requests: []storage.RequestKey{{Key: "k", Saga: "s", Expires: expires}}}
	}
	must(t, s.Commit(t.Context(), key(1, soon)))
	must(t, s.Close())
	p.flip(t, requests, []byte("k"))

	s = p.open(t, Config{})
	if _, err := s.Request(t.Context(), "k"); !errors.Is(err, storage.ErrDamaged) {
		t.Fatalf("got %v, want %v", err, storage.ErrDamaged)
	}
	must(t, s.Commit(t.Context(), key(2, soon.Add(time.Hour))))
	if r, err := s.Check(t.Context()); err != nil || len(r.Faults) > 0 {
		t.Errorf("check: %+v, %v", r.Faults, err)
	}
	must(t, s.Commit(t.Context(), storage.Batch{Log: 3, Expire: soon.Add(time.Minute)}))
	if _, err := s.Request(t.Context(), "k"); err != nil {
		t.Errorf("after the first expiry: %v", err)
	}
	must(t, s.Commit(t.Context(), storage.Batch{Log: 4, Expire: soon.Add(2 * time.Hour)}))
	if _, err := s.Request(t.Context(), "k"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("after the second: got %v, want %v", err, storage.ErrNotFound)
	}
}

// TestDamagedHistoryKeepsItsSagaFromEnding, and no other.
func TestDamagedHistoryKeepsItsSagaFromEnding(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, Config{})
	d := storagetest.NewDriver(func(int) int { return 0 })
	victim, other := d.Start("s1"), d.Start("s2")
	must(t, s.Commit(t.Context(), d.Take()))
	must(t, s.Close())
	p.flip(t, sagas, sagaKey(victim, 1))

	s = p.open(t, Config{})
	if _, err := s.Load(t.Context(), victim); err != nil {
		t.Errorf("load: %v", err) // its state is whole
	}
	if _, err := s.History(t.Context(), victim); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("history: got %v, want %v", err, storage.ErrDamaged)
	}
	d.End(other)
	d.End(victim)
	b := d.Take()
	var where *storage.DamagedError
	if err := s.Commit(t.Context(), b); !errors.As(err, &where) || where.Saga != victim {
		t.Fatalf("got %v, want a DamagedError of %s", err, victim)
	}
	for i, c := range b.Sagas {
		if c.State.ID == victim {
			b.Sagas = append(b.Sagas[:i:i], b.Sagas[i+1:]...)
			break
		}
	}
	must(t, s.Commit(t.Context(), b))
}

func TestCheckRunsBesideCommits(t *testing.T) {
	s := newPlace(t).open(t, Config{})
	d := storagetest.NewDriver(rand.New(rand.NewPCG(1, 2)).IntN)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		for {
			r, err := s.Check(ctx)
			if err == nil && len(r.Faults) > 0 {
				err = fmt.Errorf("faults: %+v", r.Faults)
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	for range 40 {
		d.Play()
		must(t, s.Commit(t.Context(), d.Take()))
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRowsAreAsTheyAlwaysWere(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	for got, want := range map[string]string{
		fmt.Sprintf("%x", pack(meta, []byte("k"), []byte("v"))):             "0178f98110a58597e9f2f56d71f2d5622176",
		fmt.Sprintf("%x", sagaKey("id", 258)):                               "6964000000000000000102",
		fmt.Sprintf("%x", timerKey(at, "id")):                               "8000000069a42a40000000056964",
		fmt.Sprintf("%x", timerKey(time.Unix(-1, 0), "id")):                 "7fffffffffffffff000000006964",
		fmt.Sprintf("%x", messageKey(storage.MessageKey{Log: 1, Index: 2})): "000000000000000100000002",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if back := parseTimer(timerKey(at, "id")); !back.At.Equal(at) || back.Saga != "id" {
		t.Errorf("a timer's key reads back as %+v", back)
	}
}
