package sql_test

import (
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/sql"
)

func TestAnIntegerKeyMatchesOneSpellingOnly(t *testing.T) {
	numbers := []string{"042", "+42", "42.0", " 42", "42 ", "4.2e1", "42\n", "1e2", "99999999999999999999", "-0", ".5"}
	words := []string{"u-0042", "0x2a", "forty-two", "4 2", "NaN", "٤٢", "4_2"}
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id BIGINT)",
			"INSERT INTO sessions VALUES (1, 42), (2, 420), (3, 4), (4, -42), (5, 100), (6, 0)")
		strict := sessions
		strict.Yields = []sql.Yield{{Type: "session", Column: "id"}} // resolve matches rows too
		tolerant := strict
		tolerant.ForeignIDs = true
		for _, id := range append(numbers, words...) {
			for _, work := range works(b.connect(t, strict)) {
				wantMisconfigured(t, work(t.Context(), task(events.Erase, id)), "key_form")
			}
		}
		p := b.connect(t, tolerant)
		for _, id := range numbers {
			_, err := p.Erase(t.Context(), task(events.Erase, id))
			wantMisconfigured(t, err, "key_form")
		}
		for _, id := range words {
			res, err := p.Erase(t.Context(), task(events.Erase, id))
			wantResult(t, res, err, events.Absent, nil)
		}
		b.wantColumn(t, "SELECT id FROM sessions ORDER BY 1", "1", "2", "3", "4", "5", "6")
		for id, session := range map[string]string{"42": "session=1", "-42": "session=4"} {
			res, err := b.connect(t, strict).Erase(t.Context(), task(events.Erase, id, session))
			wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
		}
		b.wantColumn(t, "SELECT id FROM sessions ORDER BY 1", "2", "3", "5", "6")
	})
}

func TestAColumnThatTurnsTextsIntoNumbersIsComparedExactly(t *testing.T) {
	b := sqliteBackend(t)
	for _, typ := range []string{"NUMERIC", "STRING", "UUID", "DECIMAL(10)"} {
		b.exec(t, "DROP TABLE IF EXISTS sessions", "CREATE TABLE sessions (id INTEGER, user_id "+typ+")",
			"INSERT INTO sessions VALUES (1, '42'), (2, 'u-42'), (3, '42x'), (4, '420')")
		p := b.connect(t, sessions)
		for _, id := range []string{"042", "42.0", "4.2e1"} { // stored, each of them would be 42
			_, err := p.Erase(t.Context(), task(events.Erase, id))
			wantMisconfigured(t, err, "key_form")
		}
		for _, id := range []string{"42", "u-42"} {
			res, err := p.Erase(t.Context(), task(events.Erase, id))
			wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
		}
		b.wantColumn(t, "SELECT id FROM sessions", "3", "4")
	}
}

func TestKeysThatAnApplicationBoundAsBytesAreFound(t *testing.T) {
	b := sqliteBackend(t)
	b.exec(t, "CREATE TABLE sessions (id INTEGER, user_id TEXT)", "INSERT INTO sessions VALUES (1, x'752d31'), (2, 'u-1'), (3, x'752d3120')")
	res, err := b.connect(t, sessions).Erase(t.Context(), task(events.Erase, "u-1"))
	wantResult(t, res, err, events.Erased, events.Counts{"sessions": 2})
	b.wantColumn(t, "SELECT id FROM sessions", "3")
}

func TestTextsInAColumnOfIntegersAreFoundWhereTheyAreExpected(t *testing.T) {
	b := sqliteBackend(t)
	b.exec(t, "CREATE TABLE sessions (id INTEGER, user_id INTEGER)", "INSERT INTO sessions VALUES (1, 'u-1'), (2, 42)")
	tolerant := sessions
	tolerant.ForeignIDs = true
	res, err := b.connect(t, tolerant).Erase(t.Context(), task(events.Erase, "u-1"))
	wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
	b.wantColumn(t, "SELECT id FROM sessions", "2")
}

func TestColumnsThatCannotBeComparedExactlyAreRefused(t *testing.T) {
	cases := []struct{ driver, column, code string }{
		{sql.SQLite, "TEXT COLLATE NOCASE", "key_not_exact"},
		{sql.SQLite, "TEXT COLLATE RTRIM", "key_not_exact"},
		{sql.SQLite, "STRING COLLATE NOCASE", "key_not_exact"},
		{sql.SQLite, "BLOB", "key_column_type"},
		{sql.SQLite, "REAL", "key_column_type"},
		{sql.SQLite, "", "key_column_type"},
		{sql.Postgres, "char(12)", "key_not_exact"},
		{sql.Postgres, "text COLLATE expunge_nocase", "key_not_exact"},
		{sql.Postgres, "double precision", "key_column_type"},
		{sql.Postgres, "numeric", "key_column_type"},
		{sql.Postgres, "bytea", "key_column_type"},
		{sql.Postgres, "jsonb", "key_column_type"},
		{sql.Postgres, "name", "key_column_type"},
		{sql.MySQL, "varbinary(12)", "key_column_type"},
		{sql.MySQL, "blob", "key_column_type"},
		{sql.MySQL, "double", "key_column_type"},
		{sql.MySQL, "decimal(12)", "key_column_type"},
		{sql.MySQL, "enum('u-1', 'u-2')", "key_column_type"},
		{sql.MySQL, "bit(8)", "key_column_type"},
	}
	overBackends(t, func(t *testing.T, b backend) {
		if b.driver == sql.Postgres {
			b.exec(t, "CREATE COLLATION expunge_nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
		}
		for _, c := range cases {
			if c.driver != b.driver {
				continue
			}
			b.exec(t, "DROP TABLE IF EXISTS sessions", "CREATE TABLE sessions (id INTEGER, user_id "+c.column+")")
			_, err := b.connect(t, sessions).Count(t.Context(), task(events.Resolve, "u-1"))
			wantMisconfigured(t, err, c.code)
		}
	})
}

func TestColumnTypesThatAreComparedExactly(t *testing.T) {
	cases := []struct{ driver, column, id string }{
		{sql.SQLite, "VARCHAR(36)", "u-1"},
		{sql.SQLite, "CLOB COLLATE BINARY", "u-1"},
		{sql.SQLite, "INTEGER", "42"},
		{sql.Postgres, "varchar(36)", "u-1"},
		{sql.Postgres, `text COLLATE "C"`, "u-1"},
		{sql.Postgres, "expunge_id", "u-1"}, // a domain over text
		{sql.Postgres, "smallint", "42"},
		{sql.Postgres, "integer", "42"},
		{sql.MySQL, "varchar(36) COLLATE utf8mb4_general_ci", "u-1"},
		{sql.MySQL, "varchar(36) CHARACTER SET latin1", "jürgen"},
		{sql.MySQL, "varchar(36) CHARACTER SET ucs2", "jürgen"},
		{sql.MySQL, "text COLLATE utf8mb4_bin", "u-1"},
		{sql.MySQL, "char(36)", "u-1"},
		{sql.MySQL, "tinyint", "42"},
		{sql.MySQL, "bigint unsigned", "42"},
		{sql.MySQL, "int(10) unsigned zerofill", "42"},
		{sql.MySQL, "bigint", "9007199254740993"}, // not of a double's precision
		{sql.MySQL, "uuid", "0d2f6a1e-7f0c-4a53-9a66-0d8f4f1a2b3c"},
		{sql.Postgres, "uuid", "0d2f6a1e-7f0c-4a53-9a66-0d8f4f1a2b3c"},
	}
	overBackends(t, func(t *testing.T, b backend) {
		if b.driver == sql.Postgres {
			b.exec(t, "CREATE DOMAIN expunge_id AS text")
		}
		for _, c := range cases {
			if c.driver != b.driver {
				continue
			}
			b.exec(t, "DROP TABLE IF EXISTS sessions", "CREATE TABLE sessions (id INTEGER, user_id "+c.column+")",
				"INSERT INTO sessions VALUES (1, '"+c.id+"')")
			res, err := b.connect(t, sessions).Erase(t.Context(), task(events.Erase, c.id))
			wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
		}
	})
}

func TestAUUIDKeyIsTheSameInEitherCase(t *testing.T) {
	b := postgresBackend(t)
	b.exec(t, "CREATE TABLE sessions (user_id UUID)", "INSERT INTO sessions VALUES ('0d2f6a1e-7f0c-4a53-9a66-0d8f4f1a2b3c'), ('0d2f6a1e-7f0c-4a53-9a66-0d8f4f1a2b3d')")
	tolerant := sessions
	tolerant.ForeignIDs = true
	for _, id := range []string{"0d2f6a1e7f0c4a539a660d8f4f1a2b3c", "{0d2f6a1e-7f0c-4a53-9a66-0d8f4f1a2b3c}", "u-1"} {
		_, err := b.connect(t, sessions).Erase(t.Context(), task(events.Erase, id))
		wantMisconfigured(t, err, "key_form")
	}
	res, err := b.connect(t, tolerant).Erase(t.Context(), task(events.Erase, "u-1"))
	wantResult(t, res, err, events.Absent, nil)
	res, err = b.connect(t, sessions).Erase(t.Context(), task(events.Erase, "0D2F6A1E-7F0C-4A53-9A66-0D8F4F1A2B3C"))
	wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
}
