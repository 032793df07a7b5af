package sql

import (
	dbsql "database/sql"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// yield returns the identifiers that the person's rows of t hold, each once and in order.
func (w *work) yield(t *table, y Yield, k keys) ([]events.Identifier, error) {
	q := newQuery(w.d, "SELECT DISTINCT ")
	prefix := "NULL"
	if y.Prefix != "" {
		prefix = w.d.asText("t0." + quote(y.Prefix))
	}
	q.add(prefix, ", ", w.d.asText("t0."+quote(y.Column)), " FROM ")
	if err := q.rowsOf(t, k); err != nil {
		return nil, err
	}
	for _, m := range y.When {
		q.add(" AND ", q.equals("t0", m))
	}
	q.add(" ORDER BY 1, 2")
	rows, err := w.tx.QueryContext(w.ctx, q.text(), q.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return scan(rows, y)
}

// untold reports whether the rows hold an identifier that was born after the person was
// resolved: those who need it were never told of it, and the row is all that leads to what
// it names, so it must not be deleted.
func (w *work) untold(t participants.Task, k keys) (bool, error) {
	for _, table := range w.tables {
		for _, y := range table.Yields {
			found, err := w.yield(table, y, k)
			if err != nil {
				return false, err
			}
			for _, id := range found {
				if !slices.Contains(t.Identifiers, id) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

func scan(rows *dbsql.Rows, y Yield) (out []events.Identifier, err error) {
	for rows.Next() {
		var prefix, value dbsql.NullString
		if err := rows.Scan(&prefix, &value); err != nil {
			return nil, err
		}
		if value.String == "" {
			continue // NULL and empty say that there is none
		}
		if prefix.String != "" {
			value.String = prefix.String + y.Separator + value.String
		}
		out = append(out, events.Identifier{Type: y.Type, Value: events.Private(value.String)})
	}
	return out, rows.Err()
}
