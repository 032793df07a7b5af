package sql_test

import (
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
	"github.com/expunge-io/expunge/participants/sql"
)

func TestConformance(t *testing.T) {
	over := func(open func(*testing.T) backend) func(*testing.T) {
		return func(t *testing.T) {
			open(t) // skips the whole suite, not each check of it
			participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
				return accountFixture(t, open(t))
			})
		}
	}
	suspended := func(open func(*testing.T) backend) func(*testing.T) {
		return func(t *testing.T) {
			open(t)
			participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
				return suspendFixture(t, open(t))
			})
		}
	}
	t.Run("sqlite", over(sqliteBackend))
	t.Run("postgres", over(postgresBackend))
	t.Run("mariadb", over(mariadbBackend))
	t.Run("suspend/sqlite", suspended(sqliteBackend))
	t.Run("suspend/postgres", suspended(postgresBackend))
	t.Run("suspend/mariadb", suspended(mariadbBackend))
}

// accountFixture is an account with a profile and references for others.
func accountFixture(t *testing.T, b backend) (participants.Participant, participantstest.Fixture) {
	b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, cognito_username TEXT)",
		"CREATE TABLE profiles (id INTEGER PRIMARY KEY, owner TEXT REFERENCES accounts ON DELETE CASCADE)")
	for i, id := range []string{"user-0042", "user-0042 ", "USER-0042", "user-00421"} {
		b.insert(t, "accounts", []any{id, "name of " + id})
		b.insert(t, "profiles", []any{2 * i, id}, []any{2*i + 1, id})
	}
	p := b.connect(t,
		sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Yields: []sql.Yield{{Type: "cognito_username", Column: "cognito_username"}}},
		sql.Table{Name: "profiles", Key: "owner", Kind: "profiles"})
	return p, participantstest.Fixture{
		Name:      events.Account,
		Server:    b.product(),
		Subject:   task("", "user-0042", "cognito_username=name of user-0042").Identifiers,
		Neighbour: task("", "user-0042 ", "cognito_username=name of user-0042 ").Identifiers,
		Unknown:   task("", "user-9999").Identifiers,
		Items: func(ids []events.Identifier) (int64, error) {
			id := ids[0].Value.Reveal()
			return b.number("SELECT (SELECT count(*) FROM accounts WHERE user_id = $1) + (SELECT count(*) FROM profiles WHERE owner = $1)", id)
		},
		Break: func() error {
			_, err := b.db.Exec("ALTER TABLE profiles RENAME TO moved")
			return err
		},
	}
}

// suspendFixture is an account with two keys that are deactivated, one of which already
// was, and with sessions that are ended.
func suspendFixture(t *testing.T, b backend) (participants.Participant, participantstest.Fixture) {
	b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, status TEXT)",
		"CREATE TABLE api_keys (id INTEGER PRIMARY KEY, owner TEXT REFERENCES accounts ON DELETE CASCADE, active BOOLEAN NOT NULL, expires TEXT)",
		"CREATE TABLE sessions (id INTEGER PRIMARY KEY, owner TEXT)")
	for i, id := range []string{"user-0042", "user-0042 ", "USER-0042", "user-00421"} {
		b.insert(t, "accounts", []any{id, "editor"})
		b.insert(t, "api_keys", []any{2 * i, id, true, nil}, []any{2*i + 1, id, false, "2031"})
		b.insert(t, "sessions", []any{i, id})
	}
	off, suspended := "0", "suspended"
	p, ok := b.connect(t,
		sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Suspend: &sql.Suspend{Set: map[string]*string{"status": &suspended}}},
		sql.Table{Name: "api_keys", Key: "owner", Kind: "api_keys", Suspend: &sql.Suspend{Set: map[string]*string{"active": &off, "expires": &suspended}}},
		sql.Table{Name: "sessions", Key: "owner", Kind: "sessions", Suspend: &sql.Suspend{Delete: true}}).Suspender()
	if !ok {
		t.Fatal("cannot suspend")
	}
	ids := func(id string) []events.Identifier { return task("", id).Identifiers }
	return p, participantstest.Fixture{
		Name: "portal", Server: b.product(), Subject: ids("user-0042"), Neighbour: ids("user-0042 "), Unknown: ids("user-9999"),
		Items: func(ids []events.Identifier) (int64, error) {
			return b.number(`SELECT (SELECT count(*) FROM accounts WHERE user_id = $1) + (SELECT count(*) FROM api_keys WHERE owner = $1)
				+ (SELECT count(*) FROM sessions WHERE owner = $1)`, ids[0].Value.Reveal())
		},
		State: func(ids []events.Identifier) (string, error) {
			return strings.Join(b.column(t, `SELECT CAST(status AS TEXT) FROM accounts WHERE user_id = $1 UNION ALL
				SELECT * FROM (SELECT id || ' ' || CAST(active AS TEXT) || ' ' || coalesce(expires, 'never') FROM api_keys WHERE owner = $1 ORDER BY 1) AS k`,
				ids[0].Value.Reveal()), "\n"), nil
		},
		Break: func() error {
			_, err := b.db.Exec("ALTER TABLE sessions RENAME TO moved")
			return err
		},
	}
}
