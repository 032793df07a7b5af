package people

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Tables are those of the account store; each has a column user_id.
var Tables = []string{
	"accounts", "profiles", "verification_refs", "sessions", "api_keys", "private_keys", "delegations", "automation_settings",
}

const schema = `
CREATE TABLE accounts (user_id TEXT PRIMARY KEY, email TEXT NOT NULL, full_name TEXT NOT NULL, cognito_username TEXT NOT NULL, status TEXT NOT NULL);
CREATE TABLE profiles (user_id TEXT PRIMARY KEY, phone TEXT NOT NULL, language TEXT NOT NULL);
CREATE TABLE verification_refs (user_id TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL, reference TEXT NOT NULL);
CREATE TABLE sessions (id TEXT NOT NULL, user_id TEXT NOT NULL, agent TEXT NOT NULL);
CREATE TABLE api_keys (id TEXT NOT NULL, user_id TEXT NOT NULL, label TEXT NOT NULL);
CREATE TABLE private_keys (id TEXT NOT NULL, user_id TEXT NOT NULL, sealed TEXT NOT NULL);
CREATE TABLE delegations (id TEXT NOT NULL, user_id TEXT NOT NULL, to_agent TEXT NOT NULL);
CREATE TABLE automation_settings (id TEXT NOT NULL, user_id TEXT NOT NULL, rule TEXT NOT NULL);
`

// The indices are made when the rows are there, which is quicker.
const indices = `
CREATE INDEX verification_refs_of ON verification_refs (user_id);
CREATE INDEX sessions_of ON sessions (user_id);
CREATE INDEX api_keys_of ON api_keys (user_id);
CREATE INDEX private_keys_of ON private_keys (user_id);
CREATE INDEX delegations_of ON delegations (user_id);
CREATE INDEX automation_settings_of ON automation_settings (user_id);
`

// DSN names the account store at path for the driver "sqlite": several users may read
// while one writes, and who finds it busy waits.
func DSN(path string) string {
	return "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=secure_delete(1)"
}

// Create makes the account store of all people, unless path is there already: it appears
// whole or not at all, so that a kill on the way leaves nothing half done.
func Create(ctx context.Context, path string, all []Person) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	draft := path + ".new"
	for _, name := range []string{draft, draft + "-wal", draft + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("account store: %w", err)
		}
	}
	if err := fill(ctx, draft, all); err != nil {
		return fmt.Errorf("account store: %w", err)
	}
	return os.Rename(draft, path)
}

func fill(ctx context.Context, path string, all []Person) (err error) {
	db, err := sql.Open("sqlite", "file:"+path) // without a log of its own, which a rename would leave behind
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	w := &writer{tx: tx, prepared: map[string]*sql.Stmt{}}
	for _, p := range all {
		if err := insert(ctx, w, p); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, indices); err != nil {
		return err
	}
	return tx.Commit()
}

func insert(ctx context.Context, w *writer, p Person) error {
	rows := func(table string, n int, value string) {
		for i := range n {
			w.row(ctx, table, fmt.Sprintf("%s/%d", p.Sub, i), p.ID, value)
		}
	}
	w.row(ctx, "accounts", p.ID, p.Email, p.Name, p.Username, "active")
	w.row(ctx, "profiles", p.ID, p.Phone, "en")
	for _, t := range p.Images {
		w.row(ctx, "verification_refs", p.ID, t.Region, t.Kind, t.Reference)
	}
	rows("sessions", p.Sessions, "Firefox on Linux")
	rows("api_keys", p.APIKeys, "build server")
	rows("private_keys", p.PrivateKeys, "sealed elsewhere")
	rows("delegations", p.Delegations, "agent 7")
	rows("automation_settings", p.Automations, "every Monday")
	return w.failed
}

// writer inserts rows within one transaction and keeps the first error.
type writer struct {
	tx       *sql.Tx
	prepared map[string]*sql.Stmt // by table; closed with the transaction
	failed   error
}

func (w *writer) row(ctx context.Context, table string, values ...any) {
	if w.failed != nil {
		return
	}
	st := w.prepared[table]
	if st == nil {
		st, w.failed = w.tx.PrepareContext(ctx, "INSERT INTO "+table+" VALUES (?"+strings.Repeat(", ?", len(values)-1)+")")
		if w.failed != nil {
			return
		}
		w.prepared[table] = st
	}
	_, w.failed = st.ExecContext(ctx, values...)
}
