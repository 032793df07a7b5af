package bolt

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/expunge-io/expunge/storage"
)

func TestStoreAtItsMaximalSizeGoesOn(t *testing.T) {
	fillAndGoOn(t, newPlace(t), Config{MaxSize: 4 << 20})
}

// TestSmallTmpfs fills a real disk.
func TestSmallTmpfs(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("not covered: small tmpfs (needs root): ", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	fillAndGoOn(t, place(filepath.Join(dir, "expunge.db")), Config{})
}

// TestCopiesOnAFullDisk: neither a backup, nor a compaction, nor a restore leaves anything
// behind or harms the store, and each of them succeeds when the disk is back.
func TestCopiesOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skip("not covered: small tmpfs (needs root): ", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	p, other := place(filepath.Join(dir, "expunge.db")), place(filepath.Join(dir, "other.db"))
	s, d := used(t, p, 40)
	backup := backedUp(t, s)
	copies := map[string]func() error{
		"backup":  func() error { return s.Backup(t.Context(), io.Discard) },
		"compact": func() error { return s.Compact(t.Context()) },
		"restore": func() error { return Restore(t.Context(), string(backup), string(other), Restoring{}) },
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	for _, left := range []int64{0, 4 << 10, 40 << 10} { // to fail early, and on the way
		info, err := os.Stat(ballast)
		must(t, err)
		must(t, os.Truncate(ballast, info.Size()-left))
		for name, do := range copies {
			if err := do(); !errors.Is(err, storage.ErrFull) {
				t.Errorf("%s with %d bytes left: got %v, want %v", name, left, err, storage.ErrFull)
			}
		}
		expectNoCopies(t, p)
		expectNoCopies(t, other)
	}
	expectStore(t, s, d)
	must(t, os.Remove(ballast))
	for name, do := range copies {
		if err := do(); err != nil {
			t.Errorf("%s when the disk is back: %v", name, err)
		}
	}
	commit(t, s, d, 5)
	expectStore(t, s, d)
	must(t, s.Close())
	expectStore(t, p.open(t, Config{}), d)
}

// fillAndGoOn commits messages until there is no space left, and then makes some.
func fillAndGoOn(t *testing.T, p place, c Config) {
	s := p.open(t, c)
	log, err := fill(t, s)
	if !errors.Is(err, storage.ErrFull) {
		t.Fatalf("batch %d: got %v, want %v", log, err, storage.ErrFull)
	}
	expectMessages(t, s, log-1)
	if err := s.Commit(t.Context(), message(log)); !errors.Is(err, storage.ErrFull) {
		t.Fatalf("again: got %v, want %v", err, storage.ErrFull)
	}
	for i := range log - 1 { // what is sent makes room
		b := storage.Batch{Log: log + i, Sent: []storage.MessageKey{{Log: i + 1}}}
		must(t, s.Commit(t.Context(), b))
	}
	expectMessages(t, s, 0)
	must(t, s.Commit(t.Context(), message(2*log-1)))
	must(t, s.Close())

	s = p.open(t, c)
	expectMessages(t, s, 1)
	r, err := s.Check(t.Context())
	if err != nil || len(r.Faults) > 0 {
		t.Errorf("check: %v, %+v", err, r.Faults)
	}
	must(t, s.Close())
}

func message(log uint64) storage.Batch {
	return storage.Batch{Log: log, Outbox: []storage.Message{{Key: storage.MessageKey{Log: log}, Data: make([]byte, 20<<10)}}}
}

func fill(t *testing.T, s *Store) (log uint64, err error) {
	for log = 1; log < 1000; log++ {
		if err := s.Commit(t.Context(), message(log)); err != nil {
			return log, err
		}
	}
	return log, nil
}

func expectMessages(t *testing.T, s *Store, want uint64) {
	t.Helper()
	var got uint64
	for _, err := range s.Outbox(t.Context()) {
		must(t, err)
		got++
	}
	if got != want {
		t.Errorf("got %d messages, want %d", got, want)
	}
}

// TestFailedCommitEndsTheStore takes the file away under a store, as a failing disk does:
// whether the batch is there is unknown, so no later one may be accepted.
func TestFailedCommitEndsTheStore(t *testing.T) {
	s := newPlace(t).open(t, Config{})
	must(t, s.Commit(t.Context(), message(1)))
	readOnly, err := os.Open(os.DevNull)
	must(t, err)
	defer readOnly.Close()
	restore := swapFile(t, s, readOnly)
	first := s.Commit(t.Context(), message(2))
	restore()
	if first == nil || errors.Is(first, storage.ErrFull) {
		t.Fatalf("on a file that cannot be written: got %v", first)
	}
	if err := s.Commit(t.Context(), message(2)); !errors.Is(err, first) {
		t.Errorf("afterwards: got %v, want %v again", err, first)
	}
}

// swapFile makes the store's descriptor another file's for a while.
func swapFile(t *testing.T, s *Store, other *os.File) (restore func()) {
	t.Helper()
	fd := descriptor(t, s.db.Path())
	kept, err := syscall.Dup(fd)
	must(t, err)
	must(t, syscall.Dup3(int(other.Fd()), fd, syscall.O_CLOEXEC))
	return func() {
		must(t, syscall.Dup3(kept, fd, syscall.O_CLOEXEC))
		must(t, syscall.Close(kept))
	}
}

func descriptor(t *testing.T, path string) int {
	t.Helper()
	for fd := range 1024 {
		if name, err := os.Readlink(filepath.Join("/proc/self/fd", strconv.Itoa(fd))); err == nil && name == path {
			return fd
		}
	}
	t.Fatal("the store has no descriptor open")
	return -1
}
