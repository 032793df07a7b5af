package bolt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/storagetest"
)

// small makes a file with something in every table and trees of more than one level, as
// small as that goes.
func small(t *testing.T) (file []byte, d *storagetest.Driver) {
	t.Helper()
	p := newPlace(t)
	s := p.open(t, tiny)
	choices := rand.New(rand.NewPCG(3, 3))
	d = storagetest.NewDriver(func(n int) int { return choices.IntN(n) })
	for range 9 {
		d.Play()
		must(t, s.Commit(t.Context(), d.Take()))
	}
	d.End(d.Start("another"))
	must(t, s.Commit(t.Context(), d.Take()))
	if !d.Prune() {
		t.Fatal("there is nothing to prune: the test would prove less")
	}
	d.End(d.Start("yet another"))
	must(t, s.Commit(t.Context(), d.Take()))
	for name, lines := range d.Expected() {
		if len(lines) == 0 {
			t.Fatalf("there are no %s: the test would prove less", name)
		}
	}
	must(t, s.Close())
	file, err := os.ReadFile(string(p))
	must(t, err)
	return file, d
}

var tiny = Config{pageSize: 1024, mapSize: 32 << 10}

// fate is what became of a file with one changed byte.
type fate int

const (
	refused    fate = iota // Open said so
	told                   // some reads said so, all others were right
	same                   // nothing changed in meaning
	undetected             // something was read as something else
	fates
)

// TestNoFlippedByteIsReadAsSomethingElse flips a bit in every byte of a store's file, one
// at a time; of the pages that nothing refers to it takes every 16th byte. With the race
// detector or -short it takes a sample of all.
func TestNoFlippedByteIsReadAsSomethingElse(t *testing.T) {
	file, d := small(t)
	want := d.Expected()
	offsets := worthFlipping(t, file)
	switch {
	case os.Getenv("EXPUNGE_FLIP") == "all":
		offsets = allOf(file)
	case testing.Short() || raced:
		offsets = every(61, offsets)
	}
	var mu sync.Mutex
	var count [fates]int
	var wg sync.WaitGroup
	const workers = 2
	for w := range workers {
		wg.Go(func() {
			f := flipper{T: t, place: newPlace(t), file: bytes.Clone(file), keys: d.Keys(), want: want}
			for _, at := range every(workers, offsets[w:]) {
				fate := f.flip(at, 1<<(at%8))
				mu.Lock()
				count[fate]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d bytes flipped of %d: open refused %d, reads told %d, the same %d, undetected %d",
		len(offsets), len(file), count[refused], count[told], count[same], count[undetected])
	t.Logf("flips %d, undetected %d", len(offsets), count[undetected])
	if count[undetected] > 0 || count[refused] == 0 || count[told] == 0 || count[same] == 0 {
		t.Error("a change was not detected, or the test does not reach what it should")
	}
}

// worthFlipping are the bytes of the pages that are in use, and some of the others.
func worthFlipping(t *testing.T, file []byte) (offsets []int) {
	t.Helper()
	m, err := readMeta(bytes.NewReader(file), false)
	must(t, err)
	i, err := walk(bytes.NewReader(file), int64(len(file)), m, &census{tables: map[string]*tally{}})
	must(t, err)
	for at := range file {
		page := uint64(at / tiny.pageSize)
		used := page < 2 || page < i.high && i.used[page/64]&(1<<(page%64)) != 0
		if used || at%16 == 0 {
			offsets = append(offsets, at)
		}
	}
	return offsets
}

func allOf(file []byte) (offsets []int) {
	for at := range file {
		offsets = append(offsets, at)
	}
	return offsets
}

func every(n int, list []int) (some []int) {
	for i := 0; i < len(list); i += n {
		some = append(some, list[i])
	}
	return some
}

type flipper struct {
	*testing.T
	place place
	file  []byte
	keys  storagetest.Keys
	want  map[string][]string
}

func (f *flipper) flip(at int, mask byte) fate {
	f.file[at] ^= mask
	defer func() { f.file[at] ^= mask }()
	if err := os.WriteFile(string(f.place), f.file, 0o600); err != nil {
		f.Error(err)
		return undetected
	}
	s, err := Open(string(f.place), tiny)
	if err != nil {
		return refused
	}
	got := storagetest.Dump(f.Context(), s, f.keys)
	if err := s.Close(); err != nil {
		f.Errorf("byte %d: close: %v", at, err)
	}
	fate := same
	for name, want := range f.want {
		if slices.Equal(got[name], want) {
			continue
		}
		fate = told
		if !honest(got[name], want) {
			f.Errorf("byte %d ^ %#x: %s:\n\tgot  %.300q\n\twant %.300q", at, mask, name, got[name], want)
			return undetected
		}
	}
	return fate
}

// honest reports whether each line is the one that was wanted, or says that it is damaged.
func honest(got, want []string) bool {
	if len(got) != len(want) {
		return false
	}
	for i, line := range got {
		if line != want[i] && line != storagetest.Damaged {
			return false
		}
	}
	return true
}

func TestFileThatWasCutOffIsRefused(t *testing.T) {
	file, d := small(t)
	p := newPlace(t)
	for length := len(file) - 1; length > 0; length -= 509 {
		must(t, os.WriteFile(string(p), file[:length], 0o600))
		s, err := Open(string(p), tiny)
		if err != nil {
			continue // what is cut off at the end may be unused
		}
		for _, differs := range storagetest.Differences(storagetest.Dump(t.Context(), s, d.Keys()), d.Expected()) {
			t.Errorf("%d bytes: %s", length, differs)
		}
		must(t, s.Close())
	}
}

// TestStoreWithADamagedRowGoesOn continues files with one damaged row: what is not damaged must
// still be there after further commits.
func TestStoreWithADamagedRowGoesOn(t *testing.T) {
	file, d := small(t)
	for at := 0; at < len(file); at += 997 {
		t.Run(fmt.Sprint("byte ", at), func(t *testing.T) {
			p := newPlace(t)
			changed := bytes.Clone(file)
			changed[at] ^= 0x10
			must(t, os.WriteFile(string(p), changed, 0o600))
			s, err := Open(string(p), tiny)
			if err != nil {
				return
			}
			before := storagetest.Dump(t.Context(), s, d.Keys())
			log, err := s.LastLog(t.Context())
			must(t, err)
			for i := range uint64(20) {
				must(t, s.Commit(t.Context(), storage.Batch{Log: log + 1 + i, Meta: map[string][]byte{"other": make([]byte, 100*i)}}))
			}
			must(t, s.Close())
			after := storagetest.Dump(t.Context(), p.open(t, tiny), d.Keys())
			delete(before, "log")
			delete(after, "log")
			for _, differs := range storagetest.Differences(after, before) {
				t.Error(differs)
			}
		})
	}
}
