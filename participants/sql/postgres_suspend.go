package sql

import (
	"context"
	dbsql "database/sql"
)

// rights are what the role needs on a table besides SELECT.
func (t Table) rights() []string {
	out := []string{map[Mode]string{Delete: "DELETE", Anonymise: "UPDATE", Retain: "SELECT", Empty: "SELECT"}[t.Mode]}
	if t.Suspend != nil && t.Suspend.Delete {
		out = append(out, "DELETE")
	}
	if t.overwrites() {
		out = append(out, "UPDATE")
	}
	return out
}

// The bits of pg_trigger.tgtype.
const (
	onDelete = 8
	onUpdate = 16
)

// fires are the events by which a table's declaration sets triggers off.
func (t Table) fires() (bits int) {
	for _, right := range t.rights() {
		bits |= map[string]int{"DELETE": onDelete, "UPDATE": onUpdate}[right]
	}
	return bits
}

// identify also fixes for this transaction how values are written, so that the text of one
// is read as the same value in another session.
func (postgres) identify(ctx context.Context, tx *dbsql.Tx, f *facts) error {
	_, err := tx.ExecContext(ctx, `SELECT set_config('DateStyle', 'ISO, YMD', true), set_config('IntervalStyle', 'postgres', true),
		set_config('TimeZone', 'UTC', true), set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true)`)
	if err != nil {
		return err
	}
	types, err := list(ctx, tx, `
		SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = $1::text::oid AND attnum > 0 AND NOT attisdropped`, f.id)
	if err != nil {
		return err
	}
	for _, t := range types {
		c := f.columns[t[0]]
		c.typ = t[1]
		f.columns[t[0]] = c
	}
	keys, err := list(ctx, tx, `
		SELECT a.attname, '' FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
		WHERE i.indrelid = $1::text::oid AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)`, f.id)
	for _, k := range keys {
		f.primary = append(f.primary, k[0])
	}
	return err
}

func (postgres) whole(column string, _ column) string { return column + "::text" }

func (postgres) value(text *string) (any, error) {
	if text == nil {
		return nil, nil // NULL
	}
	return *text, nil
}

// cast names the type as the catalogue writes it, quoted where it has to be.
func (postgres) cast(placeholder string, c column) string {
	return "CAST(" + placeholder + "::text AS " + c.typ + ")"
}

func (postgres) same(column, value string, _ column) string {
	return "(" + column + "::text IS NOT DISTINCT FROM " + value + "::text)"
}
