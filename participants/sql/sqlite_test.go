package sql_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/sql"
)

func TestAMissingDatabaseIsNotCreated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	p := connect(t, sql.Config{DSN: path, Tables: []sql.Table{sessions}})
	for _, work := range works(p) {
		wantMisconfigured(t, work(t.Context(), task(events.Erase, "u-1")), "cannot_open")
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("the database was created")
	}
}

func TestAFileThatIsNoDatabaseIsMisconfigured(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := connect(t, sql.Config{DSN: path, Tables: []sql.Table{sessions}}).Count(t.Context(), task(events.Erase, "u-1"))
	wantMisconfigured(t, err, "cannot_open")
}

func TestAPathWithSpecialCharacters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b#c%20d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b := sqliteBackend(t)
	b.withSessions(t, "u-1")
	data, err := os.ReadFile(b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "store.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dsn := range []string{path, path + "?_pragma=journal_mode(WAL)"} {
		if err := connect(t, sql.Config{DSN: dsn, Tables: []sql.Table{sessions}}).Check(t.Context()); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

func TestErasedBytesAreGoneFromTheDisk(t *testing.T) {
	for _, mode := range []string{"DELETE", "WAL"} {
		t.Run(mode, func(t *testing.T) {
			b := sqliteBackend(t)
			b.exec(t, "PRAGMA journal_mode = "+mode, "PRAGMA secure_delete = 1", "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id TEXT, agent TEXT)",
				`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
				INSERT INTO sessions SELECT i, iif(i % 5, 'u-other', 'u-canary'), 'agent of ' || iif(i % 5, 'u-other', 'u-canary') FROM n`)
			if n := residue(t, b.dsn, "u-canary"); n == 0 {
				t.Fatal("the search finds nothing where there is something")
			}
			res, err := b.connect(t, sessions).Erase(t.Context(), task(events.Erase, "u-canary"))
			wantResult(t, res, err, events.Erased, events.Counts{"sessions": 100})
			if n := residue(t, b.dsn, "u-canary"); n != 0 {
				t.Errorf("%d traces are left", n)
			}
		})
	}
}

// residue counts a text in the database and in its logs.
func residue(t *testing.T, path, text string) (n int) {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(data), text)
	}
	return n
}

func TestAReadOnlyDatabaseIsMisconfigured(t *testing.T) {
	b := sqliteBackend(t)
	b.withSessions(t, "u-1")
	c := b.config(sessions)
	c.DSN = "file:" + b.dsn + "?mode=ro"
	p := connect(t, c)
	_, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
	wantMisconfigured(t, err, "rights")
	if n, err := p.Count(t.Context(), task(events.Erase, "u-1")); err != nil || n["sessions"] != 1 {
		t.Errorf("counts %v, error %v", n, err)
	}
}

func TestVirtualTablesAreRefused(t *testing.T) {
	b := sqliteBackend(t)
	b.exec(t, "CREATE VIRTUAL TABLE sessions USING fts5(user_id)")
	wantBlind(t, b.connect(t, sessions), "not_a_table")
}
