package bolt

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/storagetest"
)

// backedUp writes a backup of a store that is at work.
func backedUp(t *testing.T, s *Store) place {
	t.Helper()
	p := newPlace(t)
	f, err := os.Create(string(p))
	must(t, err)
	must(t, errors.Join(s.Backup(t.Context(), f), f.Close()))
	return p
}

var restored = Restoring{Mark: func(ctx context.Context, s storage.Store) error {
	log, err := s.LastLog(ctx)
	if err != nil {
		return err
	}
	return s.Commit(ctx, storage.Batch{Log: log + 1, Meta: map[string][]byte{"origin": []byte("another")}})
}}

func expectRestored(t *testing.T, p place, d *storagetest.Driver) {
	t.Helper()
	s := p.open(t, Config{})
	defer s.Close()
	if v, err := s.Meta(t.Context(), "origin"); string(v) != "another" || err != nil {
		t.Errorf("origin: %q, %v", v, err)
	}
	got, want := storagetest.Dump(t.Context(), s, d.Keys()), d.Expected()
	delete(got, "log")
	delete(want, "log")
	for _, differs := range storagetest.Differences(got, want) {
		t.Error(differs)
	}
}

func TestRestoredStoreIsTheBackupUnderAnotherName(t *testing.T) {
	s, d := used(t, newPlace(t), 20)
	backup, to := backedUp(t, s), newPlace(t)
	before, err := os.ReadFile(string(backup))
	must(t, err)
	must(t, Restore(t.Context(), string(backup), string(to), restored))
	expectRestored(t, to, d)
	expectNoCopies(t, to)
	after, err := os.ReadFile(string(backup))
	must(t, err)
	if string(before) != string(after) {
		t.Error("the backup was changed")
	}
}

func TestRestoreKeepsTheStoreThatItReplaces(t *testing.T) {
	s, d := used(t, newPlace(t), 20)
	backup, to := backedUp(t, s), newPlace(t)
	there := to.open(t, Config{})
	must(t, there.Commit(t.Context(), message(1)))

	if err := Restore(t.Context(), string(backup), string(to), restored); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a store: got %v, want %v", err, fs.ErrExist)
	}
	replacing := restored
	replacing.Replaced = string(to) + ".replaced"
	if err := Restore(t.Context(), string(backup), string(to), replacing); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("over a store at work: got %v, want %v", err, storage.ErrLocked)
	}
	expectMessages(t, there, 1)
	must(t, there.Close())

	must(t, Restore(t.Context(), string(backup), string(to), replacing))
	expectRestored(t, to, d)
	expectMessages(t, place(replacing.Replaced).open(t, Config{}), 1)
	if err := Restore(t.Context(), string(backup), string(to), replacing); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over what was kept: got %v, want %v", err, fs.ErrExist)
	}
	expectNoCopies(t, to)
}

// TestDamagedBackupIsNotRestored: neither one that Open refuses, nor one with a damaged row.
func TestDamagedBackupIsNotRestored(t *testing.T) {
	s, d := used(t, newPlace(t), 20)
	for name, spoil := range map[string]func(p place){
		"cut off":       func(p place) { must(t, os.Truncate(string(p), 20<<10)) },
		"without a row": func(p place) { must(t, os.WriteFile(string(p), madeByHalves(t), 0o600)) },
		"empty":         func(p place) { must(t, os.Truncate(string(p), 0)) },
		"a damaged row": func(p place) { p.Damage(t, d.Keys().Sagas[0]) },
	} {
		backup, to := backedUp(t, s), newPlace(t)
		spoil(backup)
		var faulty *FaultyError
		if err := Restore(t.Context(), string(backup), string(to), restored); !errors.As(err, &faulty) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := os.Stat(string(to)); err == nil {
			t.Errorf("%s: it was restored", name)
		}
		expectNoCopies(t, to)
	}
}

func TestCheckOfAFileThatOpenRefuses(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, Config{})
	d := storagetest.NewDriver(func(int) int { return 0 })
	id := d.Start("s1")
	must(t, s.Commit(t.Context(), d.Take()))
	if _, err := CheckFile(t.Context(), string(p)); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("open: got %v, want %v", err, storage.ErrLocked)
	}
	must(t, s.Close())
	if r, err := CheckFile(t.Context(), string(p)); err != nil || len(r.Faults) > 0 || r.Live != 1 {
		t.Errorf("sound: got %+v, %v", r, err)
	}
	p.put(t, sagas, sagaKey(id, headSeq), nil)
	if _, err := Open(string(p), Config{}); !errors.Is(err, storage.ErrDamaged) {
		t.Fatalf("open does not refuse it: %v", err)
	}
	r, err := CheckFile(t.Context(), string(p))
	must(t, err)
	var all strings.Builder
	for _, f := range r.Faults {
		all.WriteString(string(f.Saga) + " " + f.What + "\n")
	}
	if !strings.Contains(all.String(), "rows are missing") || !strings.Contains(all.String(), string(id)) {
		t.Errorf("got %s", all.String())
	}
	must(t, os.Truncate(string(p), 5000))
	if r, err := CheckFile(t.Context(), string(p)); err != nil || len(r.Faults) != 1 {
		t.Errorf("cut off: got %+v, %v", r, err)
	}
	if _, err := CheckFile(t.Context(), string(newPlace(t))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v", err)
	}
}

// madeByHalves is the file of a process that died before it had made the tables.
func madeByHalves(t *testing.T) []byte {
	t.Helper()
	p := newPlace(t)
	db, err := bbolt.Open(string(p), 0o600, &bbolt.Options{NoFreelistSync: true, PageSize: pageSize})
	must(t, err)
	must(t, db.Close())
	file, err := os.ReadFile(string(p))
	must(t, err)
	return file
}
