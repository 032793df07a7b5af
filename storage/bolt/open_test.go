package bolt

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/storagetest"
)

func TestOneProcessHasTheStoreOpen(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, Config{})
	if _, err := Open(string(p), Config{LockTimeout: time.Millisecond}); !errors.Is(err, storage.ErrLocked) {
		t.Fatalf("got %v, want %v", err, storage.ErrLocked)
	}
	waited := make(chan error)
	go func() {
		heir, err := Open(string(p), Config{LockTimeout: time.Minute})
		if err == nil {
			err = heir.Close()
		}
		waited <- err
	}()
	must(t, s.Close())
	must(t, <-waited)
}

func TestFileIsItsOwnersAlone(t *testing.T) {
	p := newPlace(t)
	p.open(t, Config{})
	info, err := os.Stat(string(p))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %o", info.Mode().Perm())
	}
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := Open(string(newPlace(t)), Config{LockTimeout: -1}); err == nil {
		t.Error("a negative timeout was taken")
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, Config{})
	must(t, s.db.Update(func(tx *bbolt.Tx) error {
		payload, err := json.Marshal(map[string]any{"schema": schema + 1, "layout": "another"})
		must(t, err)
		return tx.Bucket([]byte(bookBucket)).Put(bookKey, pack(bookBucket, bookKey, payload))
	}))
	must(t, s.Close())
	if _, err := Open(string(p), Config{}); err == nil || !strings.Contains(err.Error(), "schema 3, which is newer") {
		t.Errorf("got %v", err)
	}
}

func TestFileThatIsNoStoreIsRefused(t *testing.T) {
	for name, content := range map[string][]byte{
		"text":  []byte(strings.Repeat("this is no store\n", 1000)),
		"zeros": make([]byte, 32<<10),
		"short": {1},
	} {
		p := newPlace(t)
		must(t, os.WriteFile(string(p), content, 0o600))
		if _, err := Open(string(p), Config{}); !errors.Is(err, storage.ErrDamaged) {
			t.Errorf("%s: got %v, want %v", name, err, storage.ErrDamaged)
		}
		now, err := os.ReadFile(string(p))
		must(t, err)
		if string(now) != string(content) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// TestProcessThatDiedWhileItMadeTheStore leaves a file without tables.
func TestProcessThatDiedWhileItMadeTheStore(t *testing.T) {
	p := newPlace(t)
	db, err := bbolt.Open(string(p), 0o600, &bbolt.Options{NoFreelistSync: true, PageSize: pageSize})
	must(t, err)
	must(t, db.Close())
	must(t, p.open(t, Config{}).Commit(t.Context(), storage.Batch{Log: 1}))
}

func TestUnreadableMetaPageIsRefusedUnlessAccepted(t *testing.T) {
	file, d := small(t)
	log := uint64(len(d.Expected()["log"]))
	must(t, json.Unmarshal([]byte(d.Expected()["log"][0]), &log))
	seen := map[uint64]bool{}
	for at := range []int{0, 1} {
		p := newPlace(t)
		changed := append([]byte{}, file...)
		changed[at*tiny.pageSize+pageHeader+20]++
		must(t, os.WriteFile(string(p), changed, 0o600))
		if _, err := Open(string(p), tiny); !errors.Is(err, storage.ErrDamaged) {
			t.Errorf("meta page %d: got %v, want %v", at, err, storage.ErrDamaged)
		}
		accepting := tiny
		accepting.AcceptOlder = true
		s, err := Open(string(p), accepting)
		must(t, err)
		last, err := s.LastLog(context.Background())
		must(t, err)
		seen[last] = true
		must(t, s.Close())
	}
	if !seen[log] || !seen[log-1] {
		t.Errorf("got last batches %v, want %d once and the one before once", seen, log)
	}
}

// TestOlderRowsThatComeBackAreNoticed takes the tables back to what they were a few
// batches ago, but for the book.
func TestOlderRowsThatComeBackAreNoticed(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, Config{})
	d := storagetest.NewDriver(func(int) int { return 0 })
	id := d.Start("s1")
	must(t, s.Commit(t.Context(), d.Take()))
	older := rawRow(t, s, sagas, sagaKey(id, headSeq))
	d.Advance(id)
	must(t, s.Commit(t.Context(), d.Take()))
	newer := rawRow(t, s, sagas, sagaKey(id, headSeq))
	must(t, s.Close())

	p.put(t, sagas, sagaKey(id, headSeq), older)
	if _, err := Open(string(p), Config{}); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("an older head: got %v, want %v", err, storage.ErrDamaged)
	}
	p.put(t, sagas, sagaKey(id, headSeq), newer)
	must(t, p.open(t, Config{}).Close())
	p.put(t, sagas, sagaKey(id, headSeq), nil)
	if _, err := Open(string(p), Config{}); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("no head: got %v, want %v", err, storage.ErrDamaged)
	}
	p.put(t, sagas, sagaKey(id, headSeq), newer)
	p.put(t, sagas, sagaKey("0195f3a0-ffff", headSeq), newer)
	if _, err := Open(string(p), Config{}); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("one head too many: got %v, want %v", err, storage.ErrDamaged)
	}
}

func rawRow(t *testing.T, s *Store, table string, key []byte) (row []byte) {
	t.Helper()
	must(t, s.db.View(func(tx *bbolt.Tx) error {
		row = append(row, tx.Bucket([]byte(table)).Get(key)...)
		return nil
	}))
	return row
}

// put writes a row, or removes it (nil), behind the store's back.
func (p place) put(t testing.TB, table string, key, row []byte) {
	t.Helper()
	db, err := bbolt.Open(string(p), 0o600, &bbolt.Options{NoFreelistSync: true})
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		if row == nil {
			return tx.Bucket([]byte(table)).Delete(key)
		}
		return tx.Bucket([]byte(table)).Put(key, row)
	}))
	must(t, db.Close())
}
