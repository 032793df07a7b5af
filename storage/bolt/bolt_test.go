package bolt

import (
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/storagetest"
)

// place is a store's file.
type place string

func newPlace(t *testing.T) place { return place(filepath.Join(t.TempDir(), "expunge.db")) }

func (p place) Open(t testing.TB) storage.Store { return p.open(t, Config{}) }

func (p place) open(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(string(p), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Damage flips a bit in the last byte of the saga's newest row.
func (p place) Damage(t testing.TB, id saga.ID) {
	t.Helper()
	if !p.flip(t, sagas, sagaKey(id, headSeq)) && !p.flip(t, finished, []byte(id)) {
		t.Fatalf("saga %s is not there to damage", id)
	}
}

// flip changes one bit of a row behind the store's back.
func (p place) flip(t testing.TB, table string, key []byte) (found bool) {
	t.Helper()
	db, err := bbolt.Open(string(p), 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(table))
		row := append([]byte{}, b.Get(key)...)
		if found = len(row) > 0; !found {
			return nil
		}
		row[len(row)-1] ^= 1
		return b.Put(key, row)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return found
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Reopener { return newPlace(t) })
}
