package sql

import (
	"fmt"
	"maps"
	"slices"

	"github.com/expunge-io/expunge/participants"
)

// inspect compares the declared tables with the live schema and sorts them.
func (w *work) inspect(declared []Table) error {
	for _, d := range declared {
		f, err := w.d.inspect(w.ctx, w.tx, d)
		if err != nil {
			return err
		}
		if d.overwrites() {
			if err := w.d.identify(w.ctx, w.tx, &f); err != nil {
				return err
			}
		}
		w.tables = append(w.tables, &table{Table: d, facts: f})
	}
	for _, t := range w.tables {
		if t.Parent != nil {
			t.parent = w.named(t.Parent.Table)
		}
	}
	for _, t := range w.tables {
		if err := w.check(t); err != nil {
			return err
		}
	}
	w.sort()
	return nil
}

func (w *work) named(name string) *table {
	i := slices.IndexFunc(w.tables, func(t *table) bool { return t.Name == name })
	return w.tables[i] // the configuration was validated
}

// check refuses a table that would not do what its declaration says.
func (w *work) check(t *table) error {
	for _, name := range t.used() {
		if _, ok := t.columns[name]; !ok {
			return fault("column_missing", t, "has no column "+name)
		}
	}
	if t.columns[t.Key].class == other {
		return fault("key_column_type", t, "has a key column of a type that cannot be compared exactly")
	}
	if err := w.keyed(t); err != nil {
		return err
	}
	for _, name := range t.triggers {
		if (t.changes() || t.Suspend != nil) && !slices.Contains(t.Triggers, name) {
			return fault("undeclared_trigger", t, "has the trigger "+name+", which triggers does not name")
		}
	}
	if err := w.checkParent(t); err != nil {
		return err
	}
	if err := w.checkSuspend(t); err != nil {
		return err
	}
	return w.checkCascades(t)
}

func (t *table) changes() bool { return t.Mode == Delete || t.Mode == Anonymise }

// used are the columns that the declaration names.
func (t Table) used() []string {
	out := []string{t.Key}
	for name := range t.Set {
		out = append(out, name)
	}
	if t.Suspend != nil {
		out = slices.AppendSeq(out, maps.Keys(t.Suspend.Set))
	}
	for _, m := range t.Where {
		out = append(out, m.Column)
	}
	for _, y := range t.Yields {
		out = append(out, y.Column)
		if y.Prefix != "" {
			out = append(out, y.Prefix)
		}
		for _, m := range y.When {
			out = append(out, m.Column)
		}
	}
	return out
}

// keyed demands a key column that tells look-alikes apart, unless the dialect does.
func (w *work) keyed(t *table) error {
	if w.d.folds() {
		return nil
	}
	return w.exact(t, t.Key)
}

// lookalikes are different texts that a careless collation takes for the same.
var lookalikes = []string{"a", "A", "a ", "a-", "á", "a\u0301"}

// exact lets the database itself say whether a column tells look-alikes apart: a union
// with the column takes over its collation.
func (w *work) exact(t *table, column string) error {
	if c := t.columns[column].class; c != text && c != loose {
		return nil
	}
	q := newQuery(w.d, "SELECT count(*) FROM (SELECT t0."+quote(column)+" FROM "+w.d.quoteTable(t.Name)+" AS t0 WHERE 1=0")
	for _, s := range lookalikes {
		q.add(" UNION SELECT '", s, "'")
	}
	q.add(") AS u")
	var n int
	if err := w.tx.QueryRowContext(w.ctx, q.text()).Scan(&n); err != nil {
		return err
	}
	if n != len(lookalikes) {
		return fault("key_not_exact", t, "has the column "+column+", whose collation or type takes different texts for the same")
	}
	return nil
}

// checkParent demands that the database itself keeps rows from losing their parent: a row
// without one could not be found any more, and would count as gone.
func (w *work) checkParent(t *table) error {
	if t.parent == nil {
		return nil
	}
	column := t.Parent.Column
	if _, ok := t.parent.columns[column]; !ok {
		return fault("column_missing", t.parent, "has no column "+column)
	}
	enforced := func(fk foreignKey) bool {
		return fk.child == t.id && fk.columns == 1 && fk.from == t.Key && fk.to == column
	}
	if !slices.ContainsFunc(t.parent.incoming, enforced) {
		return fault("parent_not_enforced", t, "has no foreign key from "+t.Key+" to "+t.parent.Name+"."+column)
	}
	if w.d.folds() && !t.parent.columns[column].unique {
		return fault("parent_not_unique", t.parent, "has no unique index on "+column+" alone, by which one row of "+t.Name+" has one parent")
	}
	if w.d.folds() {
		return nil
	}
	return w.exact(t.parent, column)
}

// checkCascades refuses a foreign key by which changing t would change rows that are not
// declared, or not the person's.
func (w *work) checkCascades(t *table) error {
	if !t.changes() {
		return nil
	}
	for _, fk := range t.incoming {
		if !t.pulls(fk) || w.covered(t, fk) {
			continue
		}
		return fault("undeclared_cascade", t, fmt.Sprintf("would change table %s by the foreign key on its column %s; declare that table, keyed by that column", fk.name, fk.from))
	}
	return nil
}

// pulls reports whether what happens to t's rows changes the referring rows.
func (t *table) pulls(fk foreignKey) bool {
	if t.Mode == Delete {
		return fk.onDelete.writes()
	}
	_, overwritten := t.Set[fk.to]
	return fk.onUpdate.writes() && (overwritten || fk.columns > 1)
}

// covered reports whether the rows that fk pulls along are exactly declared ones that have
// been dealt with before.
func (w *work) covered(t *table, fk foreignKey) bool {
	i := slices.IndexFunc(w.tables, func(u *table) bool { return u.id == fk.child })
	if i < 0 {
		return false
	}
	child := w.tables[i]
	if child == t || child.Mode == Retain || len(child.Where) > 0 || fk.columns != 1 || fk.from != child.Key {
		return false
	}
	if child.parent != nil {
		return child.parent == t && child.Parent.Column == fk.to
	}
	return t.parent == nil && fk.to == t.Key && child.KeyType == t.KeyType
}

// sort puts children before their parents, and leaves the declared order otherwise. In a
// circle of references the declared order stands.
func (w *work) sort() {
	var sorted []*table
	rest := slices.Clone(w.tables)
	for len(rest) > 0 {
		i := slices.IndexFunc(rest, func(t *table) bool { return !t.referred(rest) })
		i = max(i, 0)
		sorted = append(sorted, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	w.tables = sorted
}

// referred reports whether another of the tables refers to t.
func (t *table) referred(tables []*table) bool {
	return slices.ContainsFunc(tables, func(u *table) bool {
		refers := func(fk foreignKey) bool { return fk.child == u.id }
		return u != t && (u.parent == t || slices.ContainsFunc(t.incoming, refers))
	})
}

func fault(code string, t *table, what string) error {
	return &participants.Misconfigured{Code: code, Err: fmt.Errorf("sql: table %s %s", t.Name, what)}
}
