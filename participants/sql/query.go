package sql

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// query builds one statement. Names come from the configuration, were found in the live
// schema and are quoted; values are parameters. Nothing of a task gets into the text.
type query struct {
	d     dialect
	b     strings.Builder
	args  []any
	depth int // numbers the aliases of tables: t0, t1
}

func newQuery(d dialect, text string) *query {
	q := &query{d: d}
	q.b.WriteString(text)
	return q
}

func (q *query) text() string { return q.b.String() }

func (q *query) add(parts ...string) {
	for _, s := range parts {
		q.b.WriteString(s)
	}
}

// arg binds a value and returns its placeholder, which may be used more than once.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return q.d.placeholder(len(q.args))
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// rowsOf adds the table, an alias, and the condition for the person's rows.
func (q *query) rowsOf(t *table, k keys) error {
	alias := "t" + strconv.Itoa(q.depth)
	q.add(q.d.quoteTable(t.Name), " AS ", alias)
	return q.where(t, alias, k)
}

// where adds the condition for the person's rows of t.
func (q *query) where(t *table, alias string, k keys) error {
	q.add(" WHERE ")
	key := alias + "." + quote(t.Key)
	if err := q.owned(t, key, k); err != nil {
		return err
	}
	for _, m := range t.Where {
		q.add(" AND ", q.equals(alias, m))
	}
	return nil
}

// owned adds the condition that a row's key leads to the person.
func (q *query) owned(t *table, key string, k keys) error {
	if t.parent != nil {
		q.depth++
		q.add(key, " IN (SELECT t", strconv.Itoa(q.depth), ".", quote(t.Parent.Column), " FROM ")
		err := q.rowsOf(t.parent, k)
		q.add(")")
		return err
	}
	q.add("(1=0") // nobody, unless a value says otherwise
	col := t.columns[t.Key]
	for _, value := range k[t.KeyType] {
		fits, err := col.fits(value, t)
		if err != nil {
			return err
		}
		if fits {
			q.add(" OR ", q.d.exactly(key, col, func() string { return q.arg(value) }))
		}
	}
	q.add(")")
	return nil
}

// equals compares a column with a constant, both as text.
func (q *query) equals(alias string, m Match) string {
	return q.d.asText(alias+"."+quote(m.Column)) + " = " + q.arg(m.Equals)
}

// sets adds the assignments of an anonymised table, in order of the columns.
func (q *query) sets(t *table) {
	for i, column := range slices.Sorted(maps.Keys(t.Set)) {
		if i > 0 {
			q.add(", ")
		}
		q.add(quote(column), " = ")
		if v := t.Set[column]; v != nil {
			q.add(q.arg(*v))
		} else {
			q.add("NULL")
		}
	}
}
