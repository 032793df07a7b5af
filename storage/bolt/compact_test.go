package bolt

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/storagetest"
)

func size(t *testing.T, p place) int64 {
	t.Helper()
	info, err := os.Stat(string(p))
	must(t, err)
	return info.Size()
}

// TestCompactedStoreIsTheSame grows a store, empties it, and measures what compaction brings.
func TestCompactedStoreIsTheSame(t *testing.T) {
	p := newPlace(t)
	s, d := used(t, p, 40)
	small := size(t, p)
	log, err := s.LastLog(t.Context())
	must(t, err)
	big := storage.Batch{Log: log + 1, Meta: map[string][]byte{"big": make([]byte, 24<<20)}}
	must(t, s.Commit(t.Context(), big))
	must(t, s.Commit(t.Context(), storage.Batch{Log: log + 2, Meta: map[string][]byte{"big": nil}}))
	grown := size(t, p)
	must(t, s.Compact(t.Context()))
	shrunk := size(t, p)
	t.Logf("%d bytes at first, grown to %d, compacted to %d", small, grown, shrunk)
	if grown < 24<<20 || shrunk > small {
		t.Errorf("%d bytes at first, grown to %d, compacted to %d", small, grown, shrunk)
	}
	if last, err := s.LastLog(t.Context()); last != log+2 || err != nil {
		t.Errorf("last batch %d, %v; want %d", last, err, log+2)
	}
	must(t, s.Close())
	must(t, Compact(t.Context(), string(p)))
	s = p.open(t, Config{})
	got, want := storagetest.Dump(t.Context(), s, d.Keys()), d.Expected()
	delete(got, "log")
	delete(want, "log")
	for _, differs := range storagetest.Differences(got, want) {
		t.Error(differs)
	}
	expectNoCopies(t, p)
}

// TestCompactRunsBesideReadsAndCommits: every commit is there afterwards, every read saw one
// state, and the store is reopened from the file that the last compaction left.
func TestCompactRunsBesideReadsAndCommits(t *testing.T) {
	p := newPlace(t)
	s, d := used(t, p, 10)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	beside := func(f func() error) {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := f(); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
					return
				}
			}
		})
	}
	compactions := 0
	beside(func() error { compactions++; return s.Compact(ctx) })
	beside(func() error {
		r, err := s.Check(ctx)
		for _, f := range r.Faults {
			t.Errorf("check: %s: %s", f.Saga, f.What)
		}
		return err
	})
	beside(func() error {
		for _, err := range s.Live(ctx) {
			if err != nil {
				return err
			}
		}
		return nil
	})
	commit(t, s, d, 60)
	cancel()
	wg.Wait()
	t.Logf("%d compactions beside 60 commits", compactions)
	expectStore(t, s, d)
	must(t, s.Close())
	expectStore(t, p.open(t, Config{}), d)
	expectNoCopies(t, p)
}

// TestReadThatBeganBeforeACompactionEnds: on the old file, while the new one takes commits.
func TestReadThatBeganBeforeACompactionEnds(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, Config{})
	must(t, s.Commit(t.Context(), storage.Batch{Log: 1, Meta: map[string][]byte{"k": []byte("old")}}))
	reading, goOn, read := make(chan struct{}), make(chan struct{}), make(chan string)
	go func() {
		_ = s.read(t.Context(), func(c *content) error {
			close(reading)
			<-goOn
			v, err := c.of[meta].get([]byte("k"), "")
			read <- string(v)
			return err
		})
	}()
	<-reading
	compacted := make(chan error)
	go func() { compacted <- s.Compact(t.Context()) }()
	// The compaction is over for everybody but the reader as soon as the file is another one.
	before, err := os.Stat(string(p))
	must(t, err)
	for swapped := false; !swapped; {
		now, err := os.Stat(string(p))
		must(t, err)
		swapped = !os.SameFile(before, now)
	}
	must(t, s.Commit(t.Context(), storage.Batch{Log: 2, Meta: map[string][]byte{"k": []byte("new")}}))
	close(goOn)
	if v := <-read; v != "old" {
		t.Errorf("the read that was under way got %q", v)
	}
	must(t, <-compacted)
	if v, err := s.Meta(t.Context(), "k"); string(v) != "new" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
}

// TestACompactionThatACrashCutOffLosesNothing goes through what may be in the folder: a copy
// cut off at many lengths beside the old file, and the whole copy under the store's name.
func TestACompactionThatACrashCutOffLosesNothing(t *testing.T) {
	p := newPlace(t)
	s, d := used(t, p, 30)
	path, err := s.copied(t.Context())
	must(t, err)
	copied, err := os.ReadFile(path)
	must(t, err)
	must(t, os.Remove(path))
	must(t, s.Close())
	old, err := os.ReadFile(string(p))
	must(t, err)
	for length := 0; length < len(copied); length += len(copied)/40 + 1 {
		p := newPlace(t)
		must(t, os.WriteFile(string(p), old, 0o600))
		must(t, os.WriteFile(string(p)+copyMark+"1", copied[:length], 0o600))
		s := p.open(t, Config{})
		expectStore(t, s, d)
		expectNoCopies(t, p)
		must(t, s.Close())
	}
	renamed := newPlace(t)
	must(t, os.WriteFile(string(renamed), copied, 0o600))
	expectStore(t, renamed.open(t, Config{}), d)
}

// TestCopyIsCheckedBeforeItIsUsed: a copy that lacks a row is refused, wherever it was lost.
func TestCopyIsCheckedBeforeItIsUsed(t *testing.T) {
	p := newPlace(t)
	s, _ := used(t, p, 10)
	path, err := s.copied(t.Context())
	must(t, err)
	lame := place(path)
	var key []byte
	must(t, s.read(t.Context(), func(c *content) error {
		k, _ := c.of[sagas].bucket.Cursor().First()
		key = bytes.Clone(k)
		return nil
	}))
	lame.put(t, sagas, key, nil)
	if err := settle(path); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("got %v, want %v", err, storage.ErrDamaged)
	}
	must(t, os.Remove(path))
}

func TestCompactOfAStoreThatIsOpenOrMissing(t *testing.T) {
	p := newPlace(t)
	if err := Compact(t.Context(), string(p)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: got %v", err)
	}
	if _, err := os.Stat(string(p)); err == nil {
		t.Error("it was made")
	}
	s := p.open(t, Config{})
	if err := Compact(t.Context(), string(p)); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("open: got %v, want %v", err, storage.ErrLocked)
	}
	must(t, s.Close())
	if err := s.Compact(t.Context()); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("closed: got %v, want %v", err, storage.ErrClosed)
	}
	expectNoCopies(t, p)
}

// TestWhoWaitsForTheLockGetsTheNewFile: the lock is on the file and not on its name.
func TestWhoWaitsForTheLockGetsTheNewFile(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, Config{})
	held, err := os.Open(string(p)) // keeps the file alive, as who waits does
	must(t, err)
	defer held.Close()
	heir := make(chan *Store)
	go func() {
		h, err := Open(string(p), Config{LockTimeout: time.Minute})
		if err != nil {
			t.Error(err)
		}
		heir <- h
	}()
	for range 20 { // whichever of them the heir meets
		must(t, s.Compact(t.Context()))
	}
	must(t, s.Commit(t.Context(), storage.Batch{Log: 1}))
	must(t, s.Close())
	h := <-heir
	defer h.Close()
	if last, err := h.LastLog(t.Context()); last != 1 || err != nil {
		t.Errorf("the heir has batch %d, %v", last, err)
	}
	must(t, h.Commit(t.Context(), storage.Batch{Log: 2}))
	if _, err := Open(string(p), Config{LockTimeout: time.Millisecond}); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("a third one: got %v, want %v", err, storage.ErrLocked)
	}
}

// TestCompactInAFolderThatCannotBeWritten leaves the store at work.
func TestCompactInAFolderThatCannotBeWritten(t *testing.T) {
	p := newPlace(t)
	s, d := used(t, p, 5)
	away := filepath.Dir(string(p)) + "-away"
	must(t, os.Rename(filepath.Dir(string(p)), away))
	if err := s.Compact(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	must(t, os.Rename(away, filepath.Dir(string(p))))
	commit(t, s, d, 3)
	must(t, s.Compact(t.Context()))
	expectStore(t, s, d)
}
