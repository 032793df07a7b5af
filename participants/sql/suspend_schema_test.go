package sql_test

import (
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/sql"
)

func TestASuspendThatWouldLoseRowsOrTakeOthersIsRefused(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, login TEXT UNIQUE, role TEXT)",
			"CREATE TABLE logins (id INTEGER PRIMARY KEY, login TEXT REFERENCES accounts (login) ON UPDATE CASCADE)",
			"CREATE TABLE entries (id INTEGER PRIMARY KEY, owner TEXT REFERENCES accounts ON DELETE CASCADE)",
			"CREATE TABLE bare (owner TEXT, role TEXT)",
			"INSERT INTO accounts VALUES ('u-1', 'kim', 'editor')", "INSERT INTO entries VALUES (1, 'u-1')", "INSERT INTO logins VALUES (1, 'kim')")
		set := func(column string) *sql.Suspend { return overwriting(map[string]string{column: "none"}) }
		accounts := sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts"}
		entries := sql.Table{Name: "entries", Key: "owner", Kind: "entries"}
		with := func(table sql.Table, s *sql.Suspend) sql.Table { table.Suspend = s; return table }
		ended := &sql.Suspend{Delete: true}
		for name, c := range map[string]struct {
			tables []sql.Table
			code   string // empty: fine
		}{
			"a column that is not there":        {[]sql.Table{with(accounts, set("rank")), entries}, "column_missing"},
			"no primary key":                    {[]sql.Table{{Name: "bare", Key: "owner", Kind: "rows", Suspend: set("role")}}, "no_primary_key"},
			"a primary key that is overwritten": {[]sql.Table{with(entries, set("id"))}, "primary_key_overwritten"},
			"an update that cascades":           {[]sql.Table{with(accounts, set("login")), entries}, "undeclared_cascade"},
			"an update that does not":           {[]sql.Table{with(accounts, set("role")), entries}, ""},
			"a deletion that cascades":          {[]sql.Table{with(accounts, ended), entries}, "undeclared_cascade"},
			"a deletion that both declare":      {[]sql.Table{with(accounts, ended), with(entries, ended)}, ""},
		} {
			_, err := b.suspender(t, c.tables...).Prepare(t.Context(), task(events.Suspend, "u-1"))
			if c.code == "" && err != nil {
				t.Errorf("%s: error %v", name, err)
			}
			if c.code != "" {
				wantMisconfigured(t, err, c.code)
			}
		}
		b.wantColumn(t, "SELECT count(*) FROM entries", "1")
	})
}

func TestASuspendThatSetsOffATriggerIsRefused(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, role TEXT)", "INSERT INTO accounts VALUES ('u-1', 'editor')")
		switch b.driver {
		case sql.Postgres:
			b.exec(t, "CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
				"CREATE TRIGGER audit AFTER UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION noop()")
		case sql.SQLite:
			b.exec(t, "CREATE TRIGGER audit AFTER UPDATE ON accounts BEGIN SELECT 1; END")
		case sql.MySQL:
			b.exec(t, "CREATE TRIGGER audit AFTER UPDATE ON accounts FOR EACH ROW SET @seen = 1")
		}
		table := sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Mode: sql.Retain, Ground: "ledger", Suspend: overwriting(map[string]string{"role": "none"})}
		_, err := b.suspender(t, table).Prepare(t.Context(), task(events.Suspend, "u-1"))
		wantMisconfigured(t, err, "undeclared_trigger")
		table.Triggers = []string{"audit"}
		suspended(t, b.suspender(t, table), "u-1")
		b.wantColumn(t, "SELECT role FROM accounts", "none")
	})
}

func TestFaultsOfSuspendAreReportedAtOnce(t *testing.T) {
	set := func(columns ...string) *sql.Suspend {
		values := map[string]string{}
		for _, c := range columns {
			values[c] = "none"
		}
		return overwriting(values)
	}
	both := set("v")
	both.Delete = true
	yields := []sql.Yield{{Type: "email", Column: "mail", Prefix: "kind", When: []sql.Match{{Column: "sort", Equals: "x"}}}}
	_, err := sql.New(sql.Config{DSN: "none.db", Tables: []sql.Table{
		{Name: "a", Key: "k", Kind: "rows", Suspend: &sql.Suspend{}},
		{Name: "b", Key: "k", Kind: "rows", Suspend: both},
		{Name: "c", Key: "k", Mode: sql.Empty, Suspend: set("v")},
		{Name: "d", Key: "k", Kind: "rows", Mode: sql.Retain, Ground: "law", Suspend: &sql.Suspend{Delete: true}},
		{Name: "e", Key: "k", Kind: "rows", Yields: yields, Suspend: &sql.Suspend{Delete: true}},
		{Name: "f", Key: "k", Kind: "rows", Yields: yields, Where: []sql.Match{{Column: "tenant"}}, Suspend: set("k", "mail", "kind", "sort", "tenant", "id", "free")},
		{Name: "g", Key: "k", Kind: "rows", Parent: &sql.Parent{Table: "f", Column: "id"}},
	}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"tables[0]: suspend: want either set", "tables[1]: suspend: want either set", "tables[2]: suspend: rows of another", "tables[3]: suspend: rows that must be kept",
		"tables[4]: suspend: rows that yield", "column k is", "column mail is", "column kind is", "column sort is", "column tenant is", "column id is",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "column free") || strings.Contains(err.Error(), "tables[6]") {
		t.Errorf("error is about what is right:\n%v", err)
	}
}
