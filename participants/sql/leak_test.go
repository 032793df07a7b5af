package sql_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/sql"
)

const canary = "canary-0042-leak"

// wantSilence wants an error from an erase, and no trace of the identifiers in it.
func wantSilence(t *testing.T, p *sql.Participant, ids ...string) {
	t.Helper()
	failed := false
	for name, work := range works(p) {
		err := work(t.Context(), task(events.Erase, ids...))
		if err == nil {
			continue
		}
		failed = true
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
			if strings.Contains(strings.ToLower(text), "canary") {
				t.Errorf("%s leaks: %s", name, text)
			}
		}
	}
	if !failed {
		t.Error("no error")
	}
}

func TestNoErrorHoldsAnIdentifier(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY)", "INSERT INTO accounts VALUES ('"+canary+"'), ('taken')",
			"CREATE TABLE sessions (id INTEGER, user_id TEXT REFERENCES accounts)", "INSERT INTO sessions VALUES (1, '"+canary+"')",
			"CREATE TABLE numbers (user_id INTEGER)", "CREATE TABLE guarded (user_id TEXT CHECK (user_id <> 'gone'))", "INSERT INTO guarded VALUES ('"+canary+"')",
			"CREATE TABLE kept (user_id TEXT)", "INSERT INTO kept VALUES ('"+canary+"')")
		raising(t, b)
		table := func(name string) sql.Table { return sql.Table{Name: name, Key: "user_id", Kind: "rows"} }
		anonymised := func(name, value string) sql.Table {
			a := table(name)
			a.Mode, a.Set = sql.Anonymise, map[string]*string{"user_id": &value}
			return a
		}
		raised := table("kept")
		raised.Triggers = []string{"forbid"}
		empty := sql.Table{Name: "sessions", Key: "user_id", Mode: sql.Empty}
		kept := table("sessions")
		kept.Mode, kept.Ground = sql.Retain, "law"
		cases := map[string]sql.Table{
			"foreign key": table("accounts"), "unique": anonymised("accounts", "taken"), "check": anonymised("guarded", "gone"),
			"trigger": raised, "not empty": empty, "retained": kept, "form": table("numbers"), "no table": table("nothing"),
		}
		for name, c := range cases {
			t.Run(name, func(t *testing.T) { wantSilence(t, b.connect(t, c), canary) })
		}
		t.Run("no text", func(t *testing.T) { wantSilence(t, b.connect(t, table("sessions")), canary+"\x00") })
		t.Run("locked", func(t *testing.T) {
			b.locked(t)
			c := b.config(table("sessions"))
			c.LockWait = 20 * time.Millisecond
			wantSilence(t, connect(t, c), canary)
		})
	})
}

// raising adds a trigger that quotes the row in its error.
func raising(t *testing.T, b backend) {
	switch b.driver {
	case sql.SQLite:
		b.exec(t, "CREATE TRIGGER forbid BEFORE DELETE ON kept BEGIN SELECT raise(ABORT, 'not "+canary+"'); END")
	case sql.MySQL:
		b.exec(t, "CREATE TRIGGER forbid BEFORE DELETE ON kept FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not "+canary+"'")
	case sql.Postgres:
		b.exec(t, "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not %'', OLD.user_id; END'",
			"CREATE TRIGGER forbid BEFORE DELETE ON kept FOR EACH ROW EXECUTE FUNCTION forbid()")
	}
}

func TestAServerThatIsNotThereLeaksNothing(t *testing.T) {
	for name, dsn := range map[string]string{sql.Postgres: "postgres://user:canary-password@127.0.0.1:1/db", sql.MySQL: "user:canary-password@tcp(127.0.0.1:1)/db"} {
		p := connect(t, sql.Config{Driver: name, DSN: dsn, Tables: []sql.Table{sessions}})
		wantSilence(t, p, canary)
		_, err := p.Erase(t.Context(), task(events.Erase, canary))
		wantOrdinary(t, err)
	}
}
