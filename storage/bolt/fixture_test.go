package bolt

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/storagetest"
)

// keep makes the fixture of this program's schema anew. Those of older schemas are never
// changed: what wrote them is gone, and files like them are in use.
var keepFixture = flag.Bool("keep", false, "write the fixture of the current schema")

// fixture is what a kept file of an older schema must read as.
type fixture struct {
	Keys     storagetest.Keys
	Expected map[string][]string
}

// TestKeepFixture writes a small store with something in every table, and what it reads
// as, for the schemas after this one to be tried on.
func TestKeepFixture(t *testing.T) {
	if !*keepFixture {
		t.Skip("only with -keep")
	}
	p := newPlace(t)
	s := p.open(t, tiny)
	d := storagetest.NewDriver(rand.New(rand.NewPCG(11, 4)).IntN)
	for range 6 {
		d.Play()
		must(t, s.Commit(t.Context(), d.Take()))
	}
	d.End(d.Start("another"))
	must(t, s.Commit(t.Context(), d.Take()))
	for name, lines := range d.Expected() {
		if len(lines) == 0 {
			t.Fatalf("there are no %s: the fixture would prove less", name)
		}
	}
	must(t, s.Close())
	file, err := os.ReadFile(string(p))
	must(t, err)
	m, err := readMeta(bytes.NewReader(file), false)
	must(t, err)
	write(t, ".db", file[:int64(m.pages)*m.pageSize])
	text, err := json.MarshalIndent(fixture{d.Keys(), d.Expected()}, "", "\t")
	must(t, err)
	write(t, ".json", append(text, '\n'))
}

func write(t *testing.T, ext string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(fixtureFile(schema, ext), content, 0o600))
}

func fixtureFile(schema int, ext string) string {
	return filepath.Join("testdata", "schema"+strconv.Itoa(schema)+ext)
}

// TestFixturesReadAsTheyWereWritten opens a copy of every kept file.
func TestFixturesReadAsTheyWereWritten(t *testing.T) {
	for n := 1; n < schema; n++ {
		t.Run("schema "+strconv.Itoa(n), func(t *testing.T) {
			p, want := kept(t, n)
			s := p.open(t, Config{})
			got := storagetest.Dump(t.Context(), s, want.Keys)
			for name := range got {
				if _, then := want.Expected[name]; !then {
					delete(got, name) // a read that came later
				}
			}
			for _, differs := range storagetest.Differences(got, want.Expected) {
				t.Error(differs)
			}
			r, err := s.Check(t.Context())
			must(t, err)
			for _, f := range r.Faults {
				t.Errorf("saga %s: %s", f.Saga, f.What)
			}
		})
	}
}

// TestMigratedFileGoesOn takes a kept file into use, and has an older program refuse it.
func TestMigratedFileGoesOn(t *testing.T) {
	p, want := kept(t, 1)
	s := p.open(t, Config{})
	var done saga.ID
	for id, err := range s.Finished(t.Context(), "") {
		must(t, err)
		done = id
	}
	log, err := s.LastLog(t.Context())
	must(t, err)
	must(t, s.Commit(t.Context(), storage.Batch{Log: log + 1, Prune: []saga.ID{done}}))
	must(t, s.Close())
	s = p.open(t, Config{})
	grave, err := s.Tombstone(t.Context(), done)
	must(t, err)
	if grave.Saga != done || !slices.Contains(want.Keys.Sagas, done) {
		t.Errorf("got the tombstone of %q, want %q", grave.Saga, done)
	}
	must(t, s.db.View(func(tx *bbolt.Tx) error {
		b, err := parseBook(tx.Bucket([]byte(bookBucket)).Get(bookKey))
		if err != nil || b.Schema != schema {
			t.Errorf("the book says schema %d, %v, want %d", b.Schema, err, schema)
		}
		return nil
	}))
}

// kept returns a copy of a kept file, and what it reads as.
func kept(t *testing.T, schema int) (place, fixture) {
	t.Helper()
	file, err := os.ReadFile(fixtureFile(schema, ".db"))
	must(t, err)
	text, err := os.ReadFile(fixtureFile(schema, ".json"))
	must(t, err)
	var f fixture
	must(t, json.Unmarshal(text, &f))
	p := newPlace(t)
	must(t, os.WriteFile(string(p), file, 0o600))
	return p, f
}
