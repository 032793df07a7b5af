package sql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/sql"
)

// asRole returns the backend as seen by a role of its own with the given rights on sessions.
func asRole(t *testing.T, b backend, rights string) backend {
	t.Helper()
	role := "expunge_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	schema := b.column(t, "SELECT current_schema()")[0]
	b.exec(t, "CREATE ROLE "+role, "GRANT USAGE ON SCHEMA "+schema+" TO "+role)
	t.Cleanup(func() { _, _ = b.db.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role) })
	if rights != "" {
		b.exec(t, "GRANT "+rights+" ON sessions TO "+role)
	}
	b.dsn = with(t, b.dsn, "role", role)
	return b
}

func TestARoleThatMayNotIsMisconfigured(t *testing.T) {
	b := postgresBackend(t)
	b.withSessions(t, "u-1")
	wantBlind(t, asRole(t, b, "").connect(t, sessions), "rights")
	wantBlind(t, asRole(t, b, "SELECT").connect(t, sessions), "rights")
	wantBlind(t, asRole(t, b, "DELETE").connect(t, sessions), "rights")
	if err := asRole(t, b, "SELECT, DELETE").connect(t, sessions).Check(t.Context()); err != nil {
		t.Error(err)
	}
	overwritten, kept := sessions, sql.Table{Name: "sessions", Key: "user_id", Kind: "sessions", Mode: sql.Anonymise, Set: map[string]*string{"user_id": nil}}
	overwritten.Suspend = overwriting(map[string]string{"id": "0"})
	kept.Suspend = &sql.Suspend{Delete: true}
	wantBlind(t, asRole(t, b, "SELECT, DELETE").connect(t, overwritten), "rights")
	wantBlind(t, asRole(t, b, "SELECT, UPDATE").connect(t, kept), "rights")
	if err := asRole(t, b, "SELECT, UPDATE, DELETE").connect(t, kept).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRowSecurityIsBlindness(t *testing.T) {
	b := postgresBackend(t)
	b.withSessions(t, "u-1", "u-2")
	b.exec(t, "ALTER TABLE sessions ENABLE ROW LEVEL SECURITY", "CREATE POLICY few ON sessions USING (user_id = 'u-2')")
	wantBlind(t, asRole(t, b, "SELECT, DELETE").connect(t, sessions), "row_security")
	b.wantColumn(t, "SELECT count(*) FROM sessions", "2")
}

func TestTablesThatAreMoreThanTheySeem(t *testing.T) {
	b := postgresBackend(t)
	b.withSessions(t, "u-1")
	b.exec(t, "CREATE TABLE archive () INHERITS (sessions)")
	wantBlind(t, b.connect(t, sessions), "inherited")
	b.exec(t, "DROP TABLE archive", "CREATE TABLE audit (user_id text)", "CREATE RULE watch AS ON DELETE TO sessions DO INSTEAD NOTHING")
	wantBlind(t, b.connect(t, sessions), "rules")
}

func TestPartitionedTables(t *testing.T) {
	b := postgresBackend(t)
	b.exec(t, "CREATE TABLE sessions (id integer, user_id text, PRIMARY KEY (user_id)) PARTITION BY LIST (user_id)",
		"CREATE TABLE ours PARTITION OF sessions FOR VALUES IN ('u-1', 'u-2')", "CREATE TABLE rest PARTITION OF sessions DEFAULT",
		"INSERT INTO sessions VALUES (1, 'u-1'), (2, 'u-2'), (3, 'u-3')")
	p := b.connect(t, sessions)
	for _, id := range []string{"u-1", "u-3"} {
		res, err := p.Erase(t.Context(), task(events.Erase, id))
		wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
	}
	b.wantColumn(t, "SELECT user_id FROM sessions", "u-2")
	b.exec(t, "CREATE TABLE tokens (owner text REFERENCES ours (user_id) ON DELETE CASCADE)")
	wantBlind(t, p, "undeclared_cascade") // it refers to a partition, not to the table
}

func TestATableInAnotherSchema(t *testing.T) {
	b := postgresBackend(t)
	b.withSessions(t, "u-1")
	schema := b.column(t, "SELECT current_schema()")[0]
	b.dsn = with(t, b.dsn, "search_path", "pg_catalog")
	qualified := sessions
	qualified.Name = schema + ".sessions"
	wantBlind(t, b.connect(t, sessions), "table_missing")
	res, err := b.connect(t, qualified).Erase(t.Context(), task(events.Erase, "u-1"))
	wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
}

func TestAStatementEndsAtTheServerToo(t *testing.T) {
	b := postgresBackend(t)
	b.withSessions(t, "u-1")
	b.exec(t, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN OLD; END'",
		"CREATE TRIGGER slow BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION slow()")
	slow := sessions
	slow.Triggers = []string{"slow"}
	c := b.config(slow)
	c.StatementTimeout = 50 * time.Millisecond
	_, err := connect(t, c).Erase(t.Context(), task(events.Erase, "u-1"))
	wantOrdinary(t, err)
	b.wantColumn(t, "SELECT count(*) FROM sessions", "1")
}

func TestAStandbyIsMisconfigured(t *testing.T) {
	b := postgresBackend(t)
	b.withSessions(t, "u-1")
	b.dsn = with(t, b.dsn, "default_transaction_read_only", "on")
	_, err := b.connect(t, sessions).Erase(t.Context(), task(events.Erase, "u-1"))
	wantMisconfigured(t, err, "read_only")
}

func TestWrongCredentialsAndDatabasesAreMisconfigured(t *testing.T) {
	b := postgresBackend(t)
	b.dsn = with(t, b.dsn, "dbname", "no_such_database")
	if strings.Contains(b.dsn, "://") {
		b.dsn = with(t, b.dsn, "database", "no_such_database")
	}
	_, err := b.connect(t, sql.Table{Name: "sessions", Key: "user_id", Kind: "sessions"}).Count(t.Context(), task(events.Erase, "u-1"))
	wantMisconfigured(t, err, "credentials")
}
