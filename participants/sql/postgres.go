package sql

import (
	"context"
	dbsql "database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is the dialect of PostgreSQL 14 and later.
type postgres struct{}

func (postgres) open(c Config) (*dbsql.DB, error) {
	config, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return nil, errors.New("dsn: is not one of PostgreSQL") // the cause may quote a password
	}
	return stdlib.OpenDB(*config), nil
}

// limit makes the server end what this process, frozen, could not: a statement, a wait for
// a lock, an open transaction. They end with the permit, if that comes first.
func (postgres) limit(ctx context.Context, tx *dbsql.Tx, c Config) error {
	life := c.StatementTimeout
	if end, ok := ctx.Deadline(); ok {
		life = max(min(life, time.Until(end)), time.Millisecond)
	}
	_, err := tx.ExecContext(ctx, `SELECT set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $1, true),
		set_config('lock_timeout', $2, true)`, milliseconds(life), milliseconds(min(life, c.LockWait)))
	return err
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) }

// scrub has nothing to do: dead rows are VACUUM's.
func (postgres) scrub(context.Context, *dbsql.DB) {}

func (postgres) quoteTable(name string) string {
	schema, table, qualified := strings.Cut(name, ".")
	if !qualified {
		return quote(name)
	}
	return quote(schema) + "." + quote(table)
}

func (postgres) placeholder(n int) string    { return "$" + strconv.Itoa(n) }
func (postgres) asText(column string) string { return column + "::text" }

func (postgres) deletion() string { return "DELETE FROM " }
func (postgres) folds() bool      { return false }

func (postgres) isolation(dbsql.TxOptions) dbsql.IsolationLevel { return dbsql.LevelDefault }

// commit is under the context with which its transaction was begun.
func (postgres) commit(_ context.Context, tx *dbsql.Tx) error { return tx.Commit() }

func (postgres) exactly(column string, c column, arg func() string) string {
	cast := "::text"
	switch c.class {
	case integer:
		cast = "::bigint"
	case uuid:
		cast = "::uuid"
	case text, trimmed, loose, other:
	}
	return column + " = " + arg() + cast
}

func (d postgres) inspect(ctx context.Context, tx *dbsql.Tx, t Table) (facts, error) {
	oid, err := d.seen(ctx, tx, t)
	if err != nil {
		return facts{}, err
	}
	f := facts{id: oid, columns: map[string]column{}}
	columns, err := list(ctx, tx, `
		SELECT a.attname, coalesce(nullif(y.typbasetype, 0), y.oid)::regtype::text
		FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
		WHERE a.attrelid = $1::text::oid AND a.attnum > 0 AND NOT a.attisdropped`, oid)
	for _, c := range columns {
		f.columns[c[0]] = column{class: classOf(c[1])}
	}
	if err != nil {
		return facts{}, err
	}
	triggers, err := list(ctx, tx, `
		SELECT tgname, '' FROM pg_trigger
		WHERE tgrelid IN (SELECT $1::text::oid UNION SELECT relid FROM pg_partition_tree($1::text::oid::regclass))
		AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & $2 <> 0`, oid, t.fires())
	for _, trigger := range triggers {
		f.triggers = append(f.triggers, trigger[0])
	}
	if err != nil {
		return facts{}, err
	}
	f.incoming, err = d.incoming(ctx, tx, oid)
	return f, err
}

// classOf reads the name of a type.
func classOf(name string) class {
	switch name {
	case "text", "character varying", "character":
		return text
	case "smallint", "integer", "bigint":
		return integer
	case "uuid":
		return uuid
	default:
		return other
	}
}

// seen returns the table's oid if the connection may see all its rows, and may change them
// as the mode demands.
func (d postgres) seen(ctx context.Context, tx *dbsql.Tx, t Table) (oid string, err error) {
	rights := strings.Join(t.rights(), ",")
	var kind string
	var hidden, readable, changeable, ruled, inherited bool
	err = tx.QueryRowContext(ctx, `
		SELECT c.oid::text, c.relkind::text, row_security_active(c.oid), has_table_privilege(c.oid, 'SELECT'), 
			(SELECT bool_and(has_table_privilege(c.oid, r)) FROM unnest(string_to_array($2, ',')) r),
			c.relhasrules, c.relkind = 'r' AND EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid)
		FROM pg_class c WHERE c.oid = to_regclass($1)`,
		d.quoteTable(t.Name), rights).Scan(&oid, &kind, &hidden, &readable, &changeable, &ruled, &inherited)
	switch {
	case errors.Is(err, dbsql.ErrNoRows):
		return "", misconfigured("table_missing", "there is no table "+t.Name)
	case err != nil:
		return "", err
	case kind != "r" && kind != "p":
		return "", misconfigured("not_a_table", t.Name+" is no table: relkind "+kind)
	case hidden:
		return "", misconfigured("row_security", "row security hides rows of table "+t.Name+" from this role")
	case !readable || !changeable:
		return "", misconfigured("rights", "this role lacks one of SELECT,"+rights+" on table "+t.Name)
	case ruled:
		return "", misconfigured("rules", "table "+t.Name+" has rewrite rules")
	case inherited:
		return "", misconfigured("inherited", "other tables inherit from table "+t.Name)
	}
	return oid, nil
}

// incoming returns the foreign keys that refer to a table or to a partition of it.
func (postgres) incoming(ctx context.Context, tx *dbsql.Tx, oid string) (out []foreignKey, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT k.conrelid::text, k.conrelid::regclass::text, cardinality(k.conkey), k.confdeltype::text, k.confupdtype::text,
			(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1]),
			(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attnum = k.confkey[1])
		FROM pg_constraint k
		WHERE k.contype = 'f' AND k.conparentid = 0
		AND k.confrelid IN (SELECT $1::text::oid UNION SELECT relid FROM pg_partition_tree($1::text::oid::regclass))
		ORDER BY k.conrelid, k.oid`, oid)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	actions := map[string]action{"c": cascade, "n": setNull, "d": setDefault}
	for rows.Next() {
		var fk foreignKey
		var onDelete, onUpdate string
		if err := rows.Scan(&fk.child, &fk.name, &fk.columns, &onDelete, &onUpdate, &fk.from, &fk.to); err != nil {
			return nil, err
		}
		fk.onDelete, fk.onUpdate = actions[onDelete], actions[onUpdate]
		out = append(out, fk)
	}
	return out, rows.Err()
}

func (postgres) explain(err error) error {
	var e *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &e):
		return explainState(e.Code)
	case errors.As(err, &connect):
		return errors.New("sql: no connection to PostgreSQL")
	case pgconn.Timeout(err):
		return errors.New("sql: no answer from PostgreSQL in time")
	}
	return nil
}

// explainState reads an SQLSTATE.
func explainState(state string) error {
	switch state {
	case "23503":
		return errors.New("sql: other rows still refer to the person's")
	case "40001", "40P01", "55P03":
		return busy()
	case "57014":
		return errors.New("sql: a statement took too long")
	case "42501":
		return misconfigured("rights", "this role lacks a right: SQLSTATE "+state)
	case "25006":
		return misconfigured("read_only", "the server takes no changes: SQLSTATE "+state)
	}
	if len(state) != 5 {
		return errors.New("sql: an error of PostgreSQL without SQLSTATE")
	}
	switch state[:2] {
	case "28", "3D":
		return misconfigured("credentials", "PostgreSQL refuses the role or the database: SQLSTATE "+state)
	case "22":
		return misconfigured("key_form", "PostgreSQL refuses a value: SQLSTATE "+state)
	case "23", "P0":
		return misconfigured("constraint", "a constraint or trigger forbids the change: SQLSTATE "+state)
	case "42", "3F":
		return misconfigured("schema", "a statement does not fit the schema: SQLSTATE "+state)
	}
	return fmt.Errorf("sql: SQLSTATE %s", state)
}
