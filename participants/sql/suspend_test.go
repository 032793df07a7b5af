package sql_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/sql"
)

func overwriting(values map[string]string) *sql.Suspend {
	s := &sql.Suspend{Set: map[string]*string{}}
	for column, value := range values {
		s.Set[column] = &value
	}
	return s
}

func (b backend) suspender(t *testing.T, tables ...sql.Table) sql.Suspender {
	t.Helper()
	s, ok := b.connect(t, tables...).Suspender()
	if !ok {
		t.Fatal("no table has suspend")
	}
	return s
}

func suspended(t *testing.T, s sql.Suspender, who string) participants.Undo {
	t.Helper()
	u, err := s.Prepare(t.Context(), task(events.Suspend, who))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Suspend(t.Context(), task(events.Suspend, who), u); err != nil {
		t.Fatal(err)
	}
	return u
}

func restored(t *testing.T, s sql.Suspender, who string, u participants.Undo) participants.Result {
	t.Helper()
	res, err := s.Restore(t.Context(), task(events.Restore, who), u)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func wantRefused(t *testing.T, err error, code string) {
	t.Helper()
	var refused *participants.Refuse
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("error %v, want refused: %s", err, code)
	}
}

// TestRestoreIsExact: each value comes back as it was, and of the type it had.
func TestRestoreIsExact(t *testing.T) {
	columns := map[string]map[string][]string{
		"sqlite": {
			"TEXT":    {`'it''s'`, `''`, `NULL`, `'42'`, `'été '`, `'a' || char(10)`},
			"INTEGER": {`9223372036854775807`, `-1`, `NULL`, `'no number'`, `1.5`, `x'00ff'`},
			"REAL":    {`0.1`, `1e308 * 10`, `-0.1 - 0.2`, `NULL`, `5e-324`},
			"BLOB":    {`x'00ff80'`, `x''`, `'text'`, `7`, `0.30000000000000004`},
			"BOOLEAN": {`1`, `NULL`},
		},
		"postgres": {
			"text":           {`'it''s'`, `''`, `NULL`, `'42'`, `'été '`, `E'a\n'`},
			"varchar(20)":    {`'  two '`},
			"bigint":         {`9223372036854775807`, `-1`, `NULL`},
			"float8":         {`0.1`, `'Infinity'`, `5e-324`, `0.30000000000000004`},
			"numeric(20,10)": {`1234567890.0123456789`},
			"boolean":        {`true`, `NULL`},
			"bytea":          {`'\x00ff80'`, `''`},
			"timestamptz":    {`'2026-05-04 03:02:01.000009+02'`, `'-infinity'`},
			"date":           {`'2026-05-04'`},
			"interval":       {`'1 mon -3 days 00:00:01.5'`},
			"jsonb":          {`'{"a": [1, null]}'`},
			"text[]":         {`'{a,"b,c",NULL}'`},
			"uuid":           {`'6f1c7d1e-0000-4000-8000-000000000001'`},
		},
		sql.MySQL: {
			"text":                                {`'it''s'`, `''`, `NULL`, `'42'`, `'été '`, `'a\n'`, `'😀'`},
			"varchar(20)":                         {`'  two '`, `'t'`},
			"varchar(20) CHARACTER SET latin1":    {`'été '`},
			"char(20) COLLATE utf8mb4_general_ci": {`'Two'`, `''`},
			"bigint":                              {`9223372036854775807`, `-1`, `NULL`},
			"bigint unsigned":                     {`18446744073709551615`, `0`},
			"tinyint(1)":                          {`1`, `0`, `NULL`, `-128`},
			"double":                              {`0.1`, `5e-324`, `0.30000000000000004`, `1.7976931348623157e308`},
			"decimal(20,10)":                      {`1234567890.0123456789`, `-0.5`},
			"bit(12)":                             {`b'101'`, `b'0'`},
			"blob":                                {`x'00ff80'`, `x''`, `'text'`},
			"varbinary(20)":                       {`x'00ff80'`},
			"binary(4)":                           {`x'00ff'`},
			"timestamp(6) NULL":                   {`'2026-05-04 03:02:01.000009'`, `NULL`},
			"datetime(3)":                         {`'2026-05-04 03:02:01.009'`, `'9999-12-31 23:59:59'`, `'0000-00-00'`},
			"date":                                {`'2026-05-04'`, `'0000-00-00'`},
			"time(2)":                             {`'-838:59:58.99'`},
			"year":                                {`2026`, `0`},
			"enum('off', 'on')":                   {`'on'`, `NULL`},
			"set('a', 'b')":                       {`'a,b'`, `''`},
			"json":                                {`'{"a": [1, null]}'`},
			"uuid":                                {`'6f1c7d1e-0000-4000-8000-000000000001'`},
			"inet6":                               {`'2001:db8::ff00:42:8329'`},
		},
	}
	overBackends(t, func(t *testing.T, b backend) {
		for typ, values := range columns[b.driver] {
			t.Run(typ, func(t *testing.T) {
				b.exec(t, "DROP TABLE IF EXISTS kept", "CREATE TABLE kept (id INTEGER, part TEXT, owner TEXT, v "+typ+", PRIMARY KEY (part, id))")
				for i, v := range values {
					b.exec(t, "INSERT INTO kept VALUES ("+string(rune('1'+i))+", 'a b', 'u-1', "+v+")")
				}
				shown := "SELECT coalesce(CAST(v AS TEXT), 'NULL') FROM kept ORDER BY id"
				if b.driver == sql.MySQL {
					shown = "SELECT concat(coalesce(hex(v), 'NULL'), ' ', coalesce(CAST(v AS CHAR), 'NULL')) FROM kept ORDER BY id"
				}
				if b.driver == sql.SQLite {
					shown = "SELECT typeof(v) || quote(v) FROM kept ORDER BY id"
				}
				before := b.column(t, shown)
				s := b.suspender(t, sql.Table{Name: "kept", Key: "owner", Kind: "rows", Suspend: &sql.Suspend{Set: map[string]*string{"v": nil}}})
				u := suspended(t, s, "u-1")
				if n := b.column(t, "SELECT count(*) FROM kept WHERE v IS NULL"); n[0] != string(rune('0'+len(values))) {
					t.Fatalf("%s of %d values are overwritten", n, len(values))
				}
				restored(t, s, "u-1", u)
				b.wantColumn(t, shown, before...)
			})
		}
	})
}

// TestRestoreLeavesWhatWasChangedSince, value by value.
func TestRestoreLeavesWhatWasChangedSince(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, role TEXT, note TEXT)", "INSERT INTO accounts VALUES ('u-1', 'editor', 'hello'), ('u-2', 'admin', 'you')")
		s := b.suspender(t, sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Suspend: overwriting(map[string]string{"role": "none", "note": "suspended"})})
		u := suspended(t, s, "u-1")
		b.wantColumn(t, "SELECT role || ' ' || note FROM accounts ORDER BY user_id", "none suspended", "admin you")
		b.exec(t, "UPDATE accounts SET role = 'reader' WHERE user_id = 'u-1'")
		res := restored(t, s, "u-1", u)
		b.wantColumn(t, "SELECT role || ' ' || note FROM accounts ORDER BY user_id", "reader hello", "admin you")
		wantResult(t, res, nil, events.Restored, events.Counts{"accounts": 1})
		wantResult(t, restored(t, s, "u-1", u), nil, events.Absent, nil)
		wantResult(t, restored(t, s, "u-2", u), nil, events.Absent, nil) // another person's rows are not found by it
	})
}

// TestSuspendOverwritesWhatWasPreparedAndNothingElse: a row that came since could not be
// restored. Sessions that came since are ended nevertheless.
func TestSuspendOverwritesWhatWasPreparedAndNothingElse(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE api_keys (id INTEGER PRIMARY KEY, owner TEXT, state TEXT)", "CREATE TABLE sessions (owner TEXT)",
			"INSERT INTO api_keys VALUES (1, 'u-1', 'on'), (2, 'u-1', 'off')", "INSERT INTO sessions VALUES ('u-1'), ('u-2')")
		s := b.suspender(t, sql.Table{Name: "api_keys", Key: "owner", Kind: "api_keys", Suspend: overwriting(map[string]string{"state": "off"})},
			sql.Table{Name: "sessions", Key: "owner", Kind: "sessions", Suspend: &sql.Suspend{Delete: true}})
		u, err := s.Prepare(t.Context(), task(events.Suspend, "u-1"))
		if err != nil {
			t.Fatal(err)
		}
		b.exec(t, "INSERT INTO api_keys VALUES (3, 'u-1', 'on')", "INSERT INTO sessions VALUES ('u-1')")
		res, err := s.Suspend(t.Context(), task(events.Suspend, "u-1"), u)
		wantResult(t, res, err, events.Suspended, events.Counts{"api_keys": 1, "sessions": 2})
		b.wantColumn(t, "SELECT state FROM api_keys ORDER BY id", "off", "off", "on")
		b.wantColumn(t, "SELECT owner FROM sessions", "u-2")
		res, err = s.Suspend(t.Context(), task(events.Suspend, "u-1"), u) // its report was lost
		wantResult(t, res, err, events.Suspended, events.Counts{"api_keys": 1})
		restored(t, s, "u-1", u)
		b.wantColumn(t, "SELECT state FROM api_keys ORDER BY id", "on", "off", "on")
	})
}

func TestAnUndoOfMoreThan64KiBIsRefused(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, note TEXT)")
		b.insert(t, "accounts", []any{"u-1", strings.Repeat("x", 64<<10)}, []any{"u-2", strings.Repeat("x", 63<<10)})
		s := b.suspender(t, sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Suspend: overwriting(map[string]string{"note": "none"})})
		_, err := s.Prepare(t.Context(), task(events.Suspend, "u-1"))
		wantRefused(t, err, "undo_too_large")
		suspended(t, s, "u-2")
	})
}

// TestAnUndoThatDoesNotFitTouchesNothing: the configuration has changed since, or it is no
// undo at all.
func TestAnUndoThatDoesNotFitTouchesNothing(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, role TEXT, note TEXT)", "INSERT INTO accounts VALUES ('u-1', 'editor', 'hello')")
		table := sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Suspend: overwriting(map[string]string{"role": "none"})}
		u := suspended(t, b.suspender(t, table), "u-1")
		other := table
		other.Suspend = overwriting(map[string]string{"note": "none"})
		ended := table
		ended.Suspend = &sql.Suspend{Delete: true}
		for _, s := range []sql.Suspender{b.suspender(t, other), b.suspender(t, ended)} {
			_, err := s.Restore(t.Context(), task(events.Restore, "u-1"), u)
			wantMisconfigured(t, err, "undo_misfit")
			_, err = s.Suspend(t.Context(), task(events.Suspend, "u-1"), u)
			wantMisconfigured(t, err, "undo_misfit")
		}
		for _, torn := range []participants.Undo{"", "torn", "{}", "null"} {
			_, err := b.suspender(t, table).Suspend(t.Context(), task(events.Suspend, "u-1"), torn)
			wantRefused(t, err, "undo_unreadable")
		}
		b.wantColumn(t, "SELECT role || ' ' || note FROM accounts", "none hello")
	})
}

func TestWhoHasNoTableToSuspendDoesNotClaimTo(t *testing.T) {
	if _, ok := connect(t, sql.Config{DSN: "none.db", Tables: []sql.Table{sessions}}).Suspender(); ok {
		t.Error("a participant without suspend says that it suspends")
	}
}

// TestAnotherSessionReadsTheUndoAsItWasWritten: a role's settings are no part of a value.
func TestAnotherSessionReadsTheUndoAsItWasWritten(t *testing.T) {
	b := postgresBackend(t)
	b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, paid DATE, seen TIMESTAMPTZ)", "INSERT INTO accounts VALUES ('u-1', '2026-05-04', '2026-05-04 03:02:01.5+02')")
	shown := "SELECT paid || ' ' || extract(epoch FROM seen) FROM accounts"
	before := b.column(t, shown)
	session := func(style, zone string) sql.Suspender {
		other := b
		other.dsn = with(t, with(t, b.dsn, "DateStyle", style), "TimeZone", zone)
		return other.suspender(t, sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Suspend: &sql.Suspend{Set: map[string]*string{"paid": nil, "seen": nil}}})
	}
	u := suspended(t, session("SQL,MDY", "America/New_York"), "u-1")
	restored(t, session("SQL,DMY", "Asia/Kolkata"), "u-1", u)
	b.wantColumn(t, shown, before...)
}
