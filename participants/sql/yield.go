package sql

import (
	dbsql "database/sql"

	"github.com/expunge-io/expunge/events"
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
