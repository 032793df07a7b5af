package world

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// table is one of the tables that hold shares; each has the columns item and user_id.
type table struct {
	file, name string
	more       []string // further columns
}

// tables are spread over as many files as there are participants with rows.
var tables = []table{
	{"sessions.db", "sessions", nil},
	{"keys.db", "api_keys", nil},
	{"accounts.db", "accounts", []string{"cognito_username", "email"}},
	{"accounts.db", "verification_refs", []string{"region", "reference"}},
}

// keepers are the participants that the files belong to.
var keepers = map[string]string{"sessions.db": "sessions", "keys.db": "api-keys", "accounts.db": "account"}

// Ledger is the trigger that notes what is deleted from a table, at the time of the machine.
func Ledger(name string) string { return name + "_gone" }

func (t table) schema() string {
	columns := ""
	for _, c := range t.more {
		columns += ", " + c + " TEXT NOT NULL"
	}
	return fmt.Sprintf(`
		CREATE TABLE %[1]s (item TEXT PRIMARY KEY, user_id TEXT NOT NULL%[2]s);
		CREATE INDEX %[1]s_of ON %[1]s (user_id);
		CREATE TABLE IF NOT EXISTS gone (item TEXT NOT NULL, user_id TEXT NOT NULL, at TEXT NOT NULL);
		CREATE TRIGGER %[3]s AFTER DELETE ON %[1]s BEGIN
			INSERT INTO gone VALUES (OLD.item, OLD.user_id, strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', 'now'));
		END;`, t.name, columns, Ledger(t.name))
}

// looks is an expression for what else a row holds.
func (t table) looks() string {
	out := "''"
	for _, c := range t.more {
		out += " || " + c + " || '|'"
	}
	return out
}

// databases are the open files, by name.
type databases map[string]*sql.DB

func openDatabases(ctx context.Context, folder string) (databases, error) {
	dbs := databases{}
	for _, t := range tables {
		if dbs[t.file] != nil {
			continue
		}
		db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, t.file)+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(20000)")
		if err != nil {
			return nil, err
		}
		dbs[t.file] = db
	}
	for _, t := range tables {
		if _, err := dbs[t.file].ExecContext(ctx, t.schema()); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return dbs, nil
}

// rows are a person's rows in a table, each as long as the table is wide.
func (t table) rows(p Person) (out [][]any) {
	some := func(n int) {
		for i := range n {
			out = append(out, []any{fmt.Sprintf("%s/%s/%d", t.name, p.Sub, i), p.ID})
		}
	}
	switch t.name {
	case "sessions":
		some(p.Sessions)
	case "api_keys":
		some(p.Keys)
	case "accounts":
		out = append(out, []any{"accounts/" + p.Sub, p.ID, p.Username, p.Email})
	case "verification_refs":
		for _, s := range p.Scans {
			out = append(out, []any{"refs/" + s, p.ID, images, s})
		}
	}
	return out
}

func (d databases) insert(ctx context.Context, people []Person) error {
	for _, t := range tables {
		if err := d.fill(ctx, t, people); err != nil {
			return fmt.Errorf("fill %s: %w", t.name, err)
		}
	}
	return nil
}

func (d databases) fill(ctx context.Context, t table, people []Person) error {
	tx, err := d[t.file].BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for _, p := range people {
		for _, row := range t.rows(p) {
			if _, err := tx.ExecContext(ctx, "INSERT INTO "+t.name+" VALUES (?"+strings.Repeat(", ?", len(row)-1)+")", row...); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// each calls f with every row of a query over all tables, or over all files.
func each(ctx context.Context, db *sql.DB, query string, f func(a, b, c string)) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var a, b, c string
		if err := rows.Scan(&a, &b, &c); err != nil {
			return err
		}
		f(a, b, c)
	}
	return rows.Err()
}

func (d databases) close() {
	for _, db := range d {
		_ = db.Close() // what was written is committed
	}
}
