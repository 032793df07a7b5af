package bolt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/storagetest"
)

// used is a store that has seen some batches, and its driver.
func used(t *testing.T, p place, batches int) (*Store, *storagetest.Driver) {
	t.Helper()
	s := p.open(t, Config{})
	d := storagetest.NewDriver(rand.New(rand.NewPCG(5, 5)).IntN)
	commit(t, s, d, batches)
	return s, d
}

func commit(t *testing.T, s *Store, d *storagetest.Driver, batches int) {
	t.Helper()
	for range batches {
		d.Play()
		must(t, s.Commit(t.Context(), d.Take()))
	}
}

// expectStore compares everything that can be read, and checks it.
func expectStore(t *testing.T, s *Store, d *storagetest.Driver) {
	t.Helper()
	for _, differs := range storagetest.Differences(storagetest.Dump(t.Context(), s, d.Keys()), d.Expected()) {
		t.Error(differs)
	}
	r, err := s.Check(t.Context())
	if err != nil || len(r.Faults) > 0 {
		t.Errorf("check: %v, %+v", err, r.Faults)
	}
}

func expectNoCopies(t *testing.T, p place) {
	t.Helper()
	left, err := filepath.Glob(string(p) + copyMark + "*")
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

func TestBackupIsTheStoreAsItWas(t *testing.T) {
	p, to := newPlace(t), newPlace(t)
	s, d := used(t, p, 60)
	var b bytes.Buffer
	must(t, s.Backup(t.Context(), &b))
	must(t, os.WriteFile(string(to), b.Bytes(), 0o600))
	expectStore(t, to.open(t, Config{}), d)
	expectNoCopies(t, p)
	commit(t, s, d, 5)
	expectStore(t, s, d)
}

// TestBackupWaitsForNobody: a commit must not wait for who reads a backup slowly, and the
// backup must not show it.
func TestBackupWaitsForNobody(t *testing.T) {
	p, to := newPlace(t), newPlace(t)
	s := p.open(t, Config{mapSize: 64 << 10}) // what is committed outgrows the mapping
	must(t, s.Commit(t.Context(), message(1)))
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := s.Backup(t.Context(), w)
		ended <- errors.Join(err, w.Close())
	}()
	first := make([]byte, 1)
	_, err := io.ReadFull(r, first)
	must(t, err)
	for log := uint64(2); log < 40; log++ {
		must(t, s.Commit(t.Context(), message(log)))
	}
	rest, err := io.ReadAll(r)
	must(t, err)
	must(t, <-ended)
	must(t, os.WriteFile(string(to), slices.Concat(first, rest), 0o600))
	expectMessages(t, to.open(t, Config{}), 1)
	expectMessages(t, s, 39)
}

// TestBackupHoldsNothingThatWasReplaced: freed pages stay in the store's file, and must
// not come along.
func TestBackupHoldsNothingThatWasReplaced(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, Config{})
	gone := []byte("what a row once was")
	must(t, s.Commit(t.Context(), storage.Batch{Log: 1, Meta: map[string][]byte{"k": gone}}))
	must(t, s.Commit(t.Context(), storage.Batch{Log: 2, Meta: map[string][]byte{"k": []byte("new")}}))
	file, err := os.ReadFile(string(p))
	must(t, err)
	if !bytes.Contains(file, gone) {
		t.Fatal("it is not in the store's file either: the test would prove nothing")
	}
	var b bytes.Buffer
	must(t, s.Backup(t.Context(), &b))
	if bytes.Contains(b.Bytes(), gone) {
		t.Error("the backup holds what was replaced")
	}
}

func TestBackupThatFailsSaysWhyAndLeavesNothing(t *testing.T) {
	p := newPlace(t)
	s, _ := used(t, p, 5)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	broken := errors.New("the line is dead")
	if err := s.Backup(t.Context(), deadLine{broken}); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	must(t, s.Close())
	if err := s.Backup(t.Context(), io.Discard); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("closed: got %v, want %v", err, storage.ErrClosed)
	}
	expectNoCopies(t, p)
}

type deadLine struct{ error }

func (d deadLine) Write([]byte) (int, error) { return 0, d.error }

func TestOpenRemovesWhatACrashLeftOfACopy(t *testing.T) {
	p := newPlace(t)
	s, d := used(t, p, 5)
	must(t, s.Close())
	must(t, os.WriteFile(string(p)+copyMark+"1", []byte("half of a copy"), 0o600))
	must(t, os.WriteFile(string(p)+".other", nil, 0o600))
	expectStore(t, p.open(t, Config{}), d)
	expectNoCopies(t, p)
	if _, err := os.Stat(string(p) + ".other"); err != nil {
		t.Error(err)
	}
}
