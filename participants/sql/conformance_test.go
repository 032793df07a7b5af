package sql_test

import (
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
	t.Run("sqlite", over(sqliteBackend))
	t.Run("postgres", over(postgresBackend))
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
		Subject:   task("", "user-0042", "cognito_username=name of user-0042").Identifiers,
		Neighbour: task("", "user-0042 ", "cognito_username=name of user-0042 ").Identifiers,
		Unknown:   task("", "user-9999").Identifiers,
		Items: func(ids []events.Identifier) (n int64, err error) {
			id := ids[0].Value.Reveal()
			err = b.db.QueryRow("SELECT (SELECT count(*) FROM accounts WHERE user_id = $1) + (SELECT count(*) FROM profiles WHERE owner = $1)", id).Scan(&n)
			return n, err
		},
		Break: func() error {
			_, err := b.db.Exec("ALTER TABLE profiles RENAME TO moved")
			return err
		},
	}
}
