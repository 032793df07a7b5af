package sql_test

import (
	"context"
	dbsql "database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/sql"
)

// backend is an empty database of its own, and a way into it that is not the participant's.
type backend struct {
	driver string
	dsn    string
	db     *dbsql.DB
}

// overBackends runs a test at SQLite, and at PostgreSQL and MariaDB where there is one.
func overBackends(t *testing.T, test func(t *testing.T, b backend)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteBackend(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, postgresBackend(t)) })
	t.Run("mariadb", func(t *testing.T) { test(t, mariadbBackend(t)) })
}

func sqliteBackend(t *testing.T) backend {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := dbsql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	b := backend{sql.SQLite, path, db}
	b.exec(t, "PRAGMA user_version = 1") // creates the file
	return b
}

func postgresBackend(t *testing.T) backend {
	t.Helper()
	dsn := os.Getenv("EXPUNGE_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("not covered: PostgreSQL (EXPUNGE_TEST_POSTGRES is not set)")
	}
	admin := openPostgres(t, dsn)
	schema := "expunge_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := admin.Exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = admin.Exec("DROP SCHEMA " + schema + " CASCADE") })
	own := with(t, dsn, "search_path", schema)
	return backend{sql.Postgres, own, openPostgres(t, own)}
}

func openPostgres(t *testing.T, dsn string) *dbsql.DB {
	t.Helper()
	db, err := dbsql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// with adds a parameter to a DSN of either form.
func with(t *testing.T, dsn, name, value string) string {
	t.Helper()
	if !strings.Contains(dsn, "://") {
		return dsn + " " + name + "=" + value
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func (b backend) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := b.db.Exec(b.say(s)); err != nil {
			t.Fatalf("%s: %v", b.say(s), err)
		}
	}
}

// insert adds rows of values to a table.
func (b backend) insert(t *testing.T, table string, rows ...[]any) {
	t.Helper()
	for _, row := range rows {
		var marks []string
		for i := range row {
			marks = append(marks, fmt.Sprintf("$%d", i+1))
		}
		if _, err := b.db.Exec(b.say("INSERT INTO "+table+" VALUES ("+strings.Join(marks, ", ")+")"), row...); err != nil {
			t.Fatalf("insert into %s: %v", table, err)
		}
	}
}

// column returns the values of a query, in its order.
func (b backend) column(t *testing.T, query string, args ...any) []string {
	t.Helper()
	rows, err := b.db.Query(b.say(query), b.repeated(query, args)...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s dbsql.NullString
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		if !s.Valid {
			s.String = "NULL"
		}
		out = append(out, s.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// number returns the one number of a query.
func (b backend) number(query string, args ...any) (n int64, err error) {
	err = b.db.QueryRow(b.say(query), b.repeated(query, args)...).Scan(&n)
	return n, err
}

func (b backend) wantColumn(t *testing.T, query string, want ...string) {
	t.Helper()
	if got := b.column(t, query); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%s: %q, want %q", query, got, want)
	}
}

// config is that of a participant for tables of this database.
func (b backend) config(tables ...sql.Table) sql.Config {
	return sql.Config{Driver: b.driver, DSN: b.dsn, Tables: tables}
}

func (b backend) connect(t *testing.T, tables ...sql.Table) *sql.Participant {
	t.Helper()
	return connect(t, b.config(tables...))
}

func connect(t *testing.T, c sql.Config) *sql.Participant {
	t.Helper()
	p, err := sql.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// task brings identifiers as type=value; a bare value is a user id.
func task(verb events.Verb, ids ...string) participants.Task {
	t := participants.Task{Saga: "saga", Verb: verb, Round: 1, Attempt: 1, Realm: "main"}
	for _, id := range ids {
		typ, value, typed := strings.Cut(id, "=")
		if !typed {
			typ, value = "user_id", id
		}
		t.Identifiers = append(t.Identifiers, events.Identifier{Type: events.IdentifierType(typ), Value: events.Private(value)})
	}
	return t
}

// works are the calls of the SDK, for tests that are about all of them.
func works(p *sql.Participant) map[string]func(context.Context, participants.Task) error {
	type work = func(context.Context, participants.Task) error
	return map[string]work{
		"erase":   func(ctx context.Context, t participants.Task) error { _, err := p.Erase(ctx, t); return err },
		"count":   func(ctx context.Context, t participants.Task) error { _, err := p.Count(ctx, t); return err },
		"resolve": func(ctx context.Context, t participants.Task) error { _, err := p.Resolve(ctx, t); return err },
	}
}

func wantMisconfigured(t *testing.T, err error, code string) {
	t.Helper()
	var fault *participants.Misconfigured
	if !errors.As(err, &fault) || fault.Code != code {
		t.Errorf("error %v, want misconfigured: %s", err, code)
	}
}

func wantOrdinary(t *testing.T, err error) {
	t.Helper()
	var fault *participants.Misconfigured
	var retry *participants.RetryAfter
	if err == nil || errors.As(err, &fault) || errors.As(err, &retry) {
		t.Errorf("error %v, want an ordinary one", err)
	}
}

func wantResult(t *testing.T, res participants.Result, err error, verdict events.Verdict, counts events.Counts) {
	t.Helper()
	if err != nil || res.Verdict != verdict || res.Counts.Total() != counts.Total() {
		t.Errorf("%s %v, error %v; want %s %v", res.Verdict, res.Counts, err, verdict, counts)
	}
	for kind, n := range counts {
		if res.Counts[kind] != n {
			t.Errorf("counts %v, want %v", res.Counts, counts)
		}
	}
}

// product names the server for people.
func (b backend) product() string {
	return map[string]string{sql.SQLite: "SQLite", sql.Postgres: "PostgreSQL", sql.MySQL: "MariaDB"}[b.driver]
}
