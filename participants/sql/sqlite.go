package sql

import (
	"context"
	dbsql "database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// sqlite is the dialect of the embedded database.
type sqlite struct{}

// open makes a pool whose connections never create the file, keep foreign keys, overwrite
// what they delete, take a name in double quotes for a name only, and lock for writing at
// the start of a transaction rather than in its middle.
func (sqlite) open(c Config) (*dbsql.DB, error) {
	path, raw, _ := strings.Cut(c.DSN, "?")
	params, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("dsn: the part after ? cannot be read")
	}
	if !strings.HasPrefix(path, "file:") {
		path = "file:" + (&url.URL{Path: path}).EscapedPath()
	}
	if params.Get("mode") == "" {
		params.Set("mode", "rw")
	}
	params.Set("_txlock", "immediate")
	params.Set("_dqs", "0")
	for _, pragma := range []string{"foreign_keys(1)", "secure_delete(1)", "busy_timeout(50)"} { // waiting is for patiently
		params.Add("_pragma", pragma)
	}
	connector, err := driver.NewConnector(path + "?" + params.Encode())
	if err != nil {
		return nil, errors.New("dsn: is not one of SQLite")
	}
	return dbsql.OpenDB(connector), nil
}

// limit has nothing to do: a frozen process freezes its database.
func (sqlite) limit(context.Context, *dbsql.Tx, Config) error { return nil }

func (sqlite) isolation(dbsql.TxOptions) dbsql.IsolationLevel { return dbsql.LevelDefault }

func (sqlite) commit(_ context.Context, tx *dbsql.Tx) error { return tx.Commit() }

func (sqlite) quoteTable(name string) string { return quote(name) }
func (sqlite) placeholder(n int) string      { return fmt.Sprintf("?%d", n) }
func (sqlite) deletion() string              { return "DELETE FROM " }
func (sqlite) folds() bool                   { return false }
func (sqlite) asText(column string) string   { return "CAST(" + column + " AS TEXT)" }

// exactly lets the index find the rows, by text and, for applications that bind bytes, by
// blob; and then compares the text byte by byte, because the first comparison takes '042'
// for 42 in a column of numbers.
func (s sqlite) exactly(column string, _ column, arg func() string) string {
	p := arg()
	return fmt.Sprintf("((%s = %s OR %s = CAST(%s AS BLOB)) AND %s = %s COLLATE BINARY)", column, p, column, p, s.asText(column), p)
}

// scrub writes the write-ahead log back and truncates it, because it holds the deleted
// pages as they were. A reader may prevent that, and writers wait meanwhile, so it is not
// tried for long; the next erase tries again.
func (sqlite) scrub(ctx context.Context, db *dbsql.DB) {
	ctx, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
	defer cancel()
	_, _ = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
}

func (s sqlite) inspect(ctx context.Context, tx *dbsql.Tx, t Table) (facts, error) {
	f := facts{id: t.Name, columns: map[string]column{}}
	var kind string
	err := tx.QueryRowContext(ctx, `SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = ?1`, t.Name).Scan(&kind)
	if errors.Is(err, dbsql.ErrNoRows) {
		return facts{}, misconfigured("table_missing", "there is no table "+t.Name)
	}
	if err != nil {
		return facts{}, err
	}
	if kind != "table" {
		return facts{}, misconfigured("not_a_table", t.Name+" is a "+kind)
	}
	columns, err := list(ctx, tx, `SELECT name, type FROM pragma_table_xinfo(?1)`, t.Name)
	for _, c := range columns {
		f.columns[c[0]] = column{class: affinity(c[1], t.ForeignIDs)}
	}
	if err != nil {
		return facts{}, err
	}
	triggers, err := list(ctx, tx, `SELECT name, '' FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE`, t.Name)
	for _, trigger := range triggers {
		f.triggers = append(f.triggers, trigger[0])
	}
	if err != nil {
		return facts{}, err
	}
	f.incoming, err = s.incoming(ctx, tx, t.Name)
	return f, err
}

// list returns the rows of a query for two texts.
func list(ctx context.Context, tx *dbsql.Tx, query string, args ...any) (out [][2]string, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r [2]string
		if err := rows.Scan(&r[0], &r[1]); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// incoming returns the foreign keys that refer to a table. One that names no column refers
// to the primary key.
func (sqlite) incoming(ctx context.Context, tx *dbsql.Tx, name string) (out []foreignKey, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT m.name, f."from", coalesce(f."to", (SELECT x.name FROM pragma_table_xinfo(?1) x WHERE x.pk = 1), ''), f.on_delete, f.on_update,
			(SELECT count(*) FROM pragma_foreign_key_list(m.name) g WHERE g.id = f.id)
		FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
		WHERE m.type = 'table' AND f."table" = ?1 COLLATE NOCASE AND f.seq = 0
		ORDER BY m.name, f.id`, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var fk foreignKey
		if err := rows.Scan(&fk.name, &fk.from, &fk.to, &fk.onDelete, &fk.onUpdate, &fk.columns); err != nil {
			return nil, err
		}
		fk.child = fk.name
		out = append(out, fk)
	}
	return out, rows.Err()
}

// affinity reads a declared type as SQLite does. Columns of bytes or of floating point
// cannot be keys.
func affinity(declared string, foreignIDs bool) class {
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(strings.ToUpper(declared), part) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT") && !foreignIDs:
		return integer
	case has("INT"):
		return loose // such a column can hold other texts too
	case has("CHAR", "CLOB", "TEXT"):
		return text
	case declared == "" || has("BLOB", "REAL", "FLOA", "DOUB"): //nolint:misspell // SQLite's own rule of affinity
		return other
	default:
		return loose
	}
}

func (sqlite) explain(err error) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch primary := e.Code() & 0xff; primary {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return busy()
	case lib.SQLITE_CANTOPEN, lib.SQLITE_NOTADB:
		return misconfigured("cannot_open", fmt.Sprintf("the database cannot be opened: SQLite code %d", e.Code()))
	case lib.SQLITE_PERM, lib.SQLITE_READONLY, lib.SQLITE_AUTH:
		return misconfigured("rights", fmt.Sprintf("the database may not be changed: SQLite code %d", e.Code()))
	case lib.SQLITE_ERROR, lib.SQLITE_MISMATCH:
		return misconfigured("schema", fmt.Sprintf("a statement does not fit the schema: SQLite code %d", e.Code()))
	case lib.SQLITE_CONSTRAINT:
		if e.Code() == lib.SQLITE_CONSTRAINT_FOREIGNKEY {
			return errors.New("sql: other rows still refer to the person's")
		}
		return misconfigured("constraint", fmt.Sprintf("a constraint or trigger forbids the change: SQLite code %d", e.Code()))
	default:
		return fmt.Errorf("sql: SQLite code %d", e.Code())
	}
}
