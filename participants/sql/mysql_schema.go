package sql

import (
	"context"
	dbsql "database/sql"
	"errors"
	"slices"
	"strings"
)

// place is a table's database and its name.
type place struct{ schema, table string }

func (mysql) inspect(ctx context.Context, tx *dbsql.Tx, t Table) (facts, error) {
	at, err := placeOf(ctx, tx, t)
	if err != nil {
		return facts{}, err
	}
	if err := at.allowed(ctx, tx, t); err != nil {
		return facts{}, err
	}
	f := facts{id: at.schema + "." + at.table}
	if f.columns, err = at.columns(ctx, tx); err != nil {
		return facts{}, err
	}
	if err := f.indexes(ctx, tx, at, t); err != nil {
		return facts{}, err
	}
	if f.triggers, err = at.triggers(ctx, tx, t); err != nil {
		return facts{}, err
	}
	if f.incoming, err = at.incoming(ctx, tx); err != nil {
		return facts{}, err
	}
	return f, overwritable(t, f)
}

// placeOf finds a table whose changes can be rolled back, and that keeps nothing of a row that
// was deleted. Names are compared exactly, as information_schema does not.
func placeOf(ctx context.Context, tx *dbsql.Tx, t Table) (at place, err error) {
	schema, name, qualified := strings.Cut(t.Name, ".")
	if !qualified {
		schema, name = "", t.Name
	}
	var kind, engine string
	err = tx.QueryRowContext(ctx, `
		SELECT table_schema, table_name, table_type, coalesce(engine, '') FROM information_schema.tables
		WHERE table_schema = coalesce(nullif(?, ''), DATABASE()) AND table_name = ? AND table_name = ? COLLATE utf8mb4_bin`,
		schema, name, name).Scan(&at.schema, &at.table, &kind, &engine)
	switch {
	case errors.Is(err, dbsql.ErrNoRows):
		return place{}, misconfigured("table_missing", "there is no table "+t.Name+", or this user has no right on it")
	case err != nil:
		return place{}, err
	case kind == "SYSTEM VERSIONED":
		return place{}, misconfigured("versioned", "table "+t.Name+" keeps the history of its rows, and so what is deleted")
	case kind != "BASE TABLE":
		return place{}, misconfigured("not_a_table", t.Name+" is no table: "+kind)
	case engine != "InnoDB":
		return place{}, misconfigured("not_transactional", "table "+t.Name+" is of the engine "+engine+", whose changes cannot be rolled back; make it InnoDB")
	}
	return at, nil
}

// allowed demands the rights that the mode needs and, where rows change, the right to see
// all triggers of the table and all tables that may refer to it: the server hides the others.
func (at place) allowed(ctx context.Context, tx *dbsql.Tx, t Table) error {
	grants, err := list(ctx, tx, `
		SELECT g.privilege_type, g.reach FROM (
			SELECT grantee, privilege_type, 'wide' AS reach FROM information_schema.user_privileges
			UNION ALL SELECT grantee, privilege_type, 'wide' FROM information_schema.schema_privileges WHERE ? LIKE table_schema
			UNION ALL SELECT grantee, privilege_type, 'table' FROM information_schema.table_privileges WHERE table_schema = ? AND table_name = ?) AS g
		WHERE g.grantee = CONCAT('''', LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1), '''@''',
			SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')`, at.schema, at.schema, at.table)
	if err != nil {
		return err
	}
	has := func(right string, reach ...string) bool {
		return slices.ContainsFunc(grants, func(g [2]string) bool { return g[0] == right && slices.Contains(reach, g[1]) })
	}
	for _, right := range append(t.rights(), "SELECT") {
		if !has(right, "wide", "table") {
			return misconfigured("rights", "this user lacks the right "+right+" on table "+t.Name+"; rights of a role do not count")
		}
	}
	if t.changed() && !(has("SELECT", "wide") && has("TRIGGER", "wide")) {
		return misconfigured("rights", "this user lacks one of SELECT, TRIGGER on the whole database of table "+t.Name+
			": without them it does not see every trigger and every foreign key by which a change would change more")
	}
	return nil
}

// changed reports whether anything changes rows of the table.
func (t Table) changed() bool { return t.Mode == Delete || t.Mode == Anonymise || t.Suspend != nil }

func (at place) columns(ctx context.Context, tx *dbsql.Tx) (map[string]column, error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT column_name, column_type, coalesce(character_set_name, ''), coalesce(collation_name, ''), extra
		FROM information_schema.columns WHERE table_schema = ? AND table_name = ?`, at.schema, at.table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]column{}
	for rows.Next() {
		var name, extra string
		var c column
		if err := rows.Scan(&name, &c.typ, &c.charset, &c.collation, &extra); err != nil {
			return nil, err
		}
		c.class = classOfMySQL(c.typ)
		c.stamped = strings.Contains(strings.ToLower(extra), "on update")
		out[name] = c
	}
	return out, rows.Err()
}

// classOfMySQL reads a type as the server writes it. char loses the spaces at its end.
func classOfMySQL(typ string) class {
	switch baseOf(typ) {
	case "varchar", "tinytext", "text", "mediumtext", "longtext":
		return text
	case "char":
		return trimmed
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		return integer
	case "uuid":
		return uuid
	default:
		return other
	}
}

// baseOf is the name of a type without what follows: decimal of decimal(20,10) unsigned.
func baseOf(typ string) string {
	if i := strings.IndexAny(typ, "( "); i >= 0 {
		return typ[:i]
	}
	return typ
}

// indexes finds the columns whose values are unique by themselves, and the primary key where
// suspend needs it.
func (f *facts) indexes(ctx context.Context, tx *dbsql.Tx, at place, t Table) error {
	alone, err := list(ctx, tx, `
		SELECT min(column_name), '' FROM information_schema.statistics
		WHERE table_schema = ? AND table_name = ? AND non_unique = 0
		GROUP BY index_name HAVING count(*) = 1 AND max(sub_part) IS NULL AND min(column_name) IS NOT NULL`, at.schema, at.table)
	if err != nil {
		return err
	}
	for _, u := range alone {
		c := f.columns[u[0]]
		c.unique = true
		f.columns[u[0]] = c
	}
	if !t.overwrites() {
		return nil
	}
	keys, err := list(ctx, tx, `
		SELECT column_name, '' FROM information_schema.statistics
		WHERE table_schema = ? AND table_name = ? AND index_name = 'PRIMARY' ORDER BY seq_in_index`, at.schema, at.table)
	for _, k := range keys {
		f.primary = append(f.primary, k[0])
	}
	return err
}

func (at place) triggers(ctx context.Context, tx *dbsql.Tx, t Table) (out []string, err error) {
	found, err := list(ctx, tx, `
		SELECT trigger_name, event_manipulation FROM information_schema.triggers
		WHERE event_object_schema = ? AND event_object_table = ?`, at.schema, at.table)
	for _, trigger := range found {
		if slices.Contains(t.rights(), trigger[1]) {
			out = append(out, trigger[0])
		}
	}
	return out, err
}

// incoming returns the foreign keys that refer to a table, of every database that this user
// sees into.
func (at place) incoming(ctx context.Context, tx *dbsql.Tx) (out []foreignKey, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT k.table_schema, k.table_name, k.column_name, k.referenced_column_name, r.delete_rule, r.update_rule, k.ordinal_position
		FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
			ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
		WHERE k.referenced_table_schema = ? AND k.referenced_table_name = ?
		ORDER BY k.table_schema, k.table_name, k.constraint_name, k.ordinal_position`, at.schema, at.table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		fk := foreignKey{columns: 1}
		var schema string
		var position int
		if err := rows.Scan(&schema, &fk.name, &fk.from, &fk.to, &fk.onDelete, &fk.onUpdate, &position); err != nil {
			return nil, err
		}
		if position > 1 {
			out[len(out)-1].columns++
			continue
		}
		fk.child = schema + "." + fk.name
		out = append(out, fk)
	}
	return out, rows.Err()
}
