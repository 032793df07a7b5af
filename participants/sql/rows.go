package sql

import (
	dbsql "database/sql"
	"strconv"
	"unicode/utf8"
)

// rows reads the person's rows of t that are not yet as suspend makes them, in the order of
// their primary key.
func (w *work) rows(t *table, m memory, k keys) ([]row, error) {
	q := newQuery(w.d, "SELECT ")
	for i, column := range t.primary {
		q.comma(i)
		q.add(w.d.asText("t0." + quote(column)))
	}
	for _, column := range m.Columns {
		q.add(", ", w.d.whole("t0."+quote(column), t.columns[column]))
	}
	q.add(" FROM ")
	if err := q.rowsOf(t, k); err != nil {
		return nil, err
	}
	q.add(" AND NOT (")
	for i, column := range m.Columns {
		if i > 0 {
			q.add(" AND ")
		}
		q.still(t, column, m.Set[i])
	}
	q.add(") ORDER BY ")
	for i := range t.primary {
		q.comma(i)
		q.add(strconv.Itoa(i + 1))
	}
	found, err := w.tx.QueryContext(w.ctx, q.text(), q.args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	return scanRows(found, len(t.primary), len(m.Columns))
}

func scanRows(found *dbsql.Rows, keys, columns int) (out []row, err error) {
	for found.Next() {
		values := make([]dbsql.NullString, keys+columns)
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			return nil, err
		}
		r := row{}
		for i, v := range values {
			switch {
			case !utf8.ValidString(v.String):
				return nil, misconfigured("undo_form", "a value that suspend would overwrite, or its row's key, is text that is no text")
			case i < keys && !v.Valid:
				return nil, misconfigured("no_primary_key", "a row that suspend would overwrite has NULL for a primary key")
			case i < keys:
				r.Key = append(r.Key, v.String)
			case v.Valid:
				r.Was = append(r.Was, &v.String)
			default:
				r.Was = append(r.Was, nil)
			}
		}
		out = append(out, r)
	}
	return out, found.Err()
}

// comma separates the elements of a list.
func (q *query) comma(i int) {
	if i > 0 {
		q.add(", ")
	}
}

// ofRow adds the condition for one remembered row, if it still is the person's.
func (q *query) ofRow(t *table, k keys, r row) error {
	if err := q.where(t, "t0", k); err != nil {
		return err
	}
	for i, column := range t.primary {
		q.add(" AND ", q.d.asText("t0."+quote(column)), " = ", q.arg(r.Key[i]))
	}
	return nil
}

// suspends adds the assignments of the new values, and the condition for the row.
func (q *query) suspends(t *table, k keys, m memory, r row) error {
	for i, column := range m.Columns {
		q.comma(i)
		q.add(quote(column), " = ", q.given(t, column, m.Set[i]))
	}
	q.keeps(t, m)
	return q.ofRow(t, k, r)
}

// restores adds the assignments of the old values, each where the new one still stands,
// and the condition for a row of which at least one does.
func (q *query) restores(t *table, k keys, m memory, r row) error {
	for i, column := range m.Columns {
		was, err := q.d.value(r.Was[i])
		if err != nil {
			return err
		}
		q.comma(i)
		q.add(quote(column), " = CASE WHEN ")
		q.still(t, column, m.Set[i])
		q.add(" THEN ", q.d.cast(q.arg(was), t.columns[column]), " ELSE t0.", quote(column), " END")
	}
	q.keeps(t, m)
	if err := q.ofRow(t, k, r); err != nil {
		return err
	}
	q.add(" AND (1=0")
	for i, column := range m.Columns {
		q.add(" OR ")
		q.still(t, column, m.Set[i])
	}
	q.add(")")
	return nil
}

// still adds the condition that a column is what suspend made it.
func (q *query) still(t *table, column string, set *string) {
	q.add(q.d.same("t0."+quote(column), q.given(t, column, set), t.columns[column]))
}

// given binds a value of the configuration as one of the column's type.
func (q *query) given(t *table, column string, set *string) string {
	var v any
	if set != nil {
		v = *set
	}
	return q.d.cast(q.arg(v), t.columns[column])
}
