package sql

import (
	"fmt"
	"slices"
)

// overwrites reports whether suspend changes values of the table's rows.
func (t Table) overwrites() bool { return t.Suspend != nil && !t.Suspend.Delete }

// suspendProblems returns what is wrong with a table's Suspend. It must not touch what a row
// is found by, or what others learn from it: the person would be out of sight.
func (c Config) suspendProblems(t Table) (out []string) {
	s := t.Suspend
	if s == nil {
		return nil
	}
	add := func(wrong bool, problem string) {
		if wrong {
			out = append(out, "suspend: "+problem)
		}
	}
	add((len(s.Set) > 0) == s.Delete, "want either set, with at least one column, or delete")
	add(t.Mode == Empty, "rows of another participant are its own to suspend")
	add(s.Delete && t.Mode == Retain, "rows that must be kept cannot be deleted")
	add(s.Delete && len(t.Yields) > 0, "rows that yield identifiers are the only way to what they name, and cannot be deleted before it")
	for _, column := range t.finds(c) {
		_, overwritten := s.Set[column]
		add(overwritten, fmt.Sprintf("set: column %s is what the person's rows are found by, or what they yield", column))
	}
	return out
}

// finds are the columns that lead to the person's rows, to those of other tables, and to
// other participants' shares.
func (t Table) finds(c Config) []string {
	without := t
	without.Set, without.Suspend = nil, nil
	out := without.used()
	for _, u := range c.Tables {
		if u.Parent != nil && u.Parent.Table == t.Name {
			out = append(out, u.Parent.Column)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// checkSuspend refuses a table that suspend could not find its rows of again, or by which it
// would change rows of another.
func (w *work) checkSuspend(t *table) error {
	if t.Suspend == nil {
		return nil
	}
	if t.overwrites() && len(t.primary) == 0 {
		return fault("no_primary_key", t, "has no primary key, by which restore finds the rows that suspend overwrites")
	}
	for _, column := range t.primary {
		if _, overwritten := t.Suspend.Set[column]; overwritten {
			return fault("primary_key_overwritten", t, "has the column "+column+" in its primary key, by which restore finds its rows")
		}
		if t.columns[column].class == other {
			return fault("primary_key_type", t, "has the column "+column+" in its primary key, which is of a type that cannot be compared exactly")
		}
	}
	for _, fk := range t.incoming {
		if t.dragged(fk) && !w.ended(t, fk) {
			return fault("undeclared_cascade", t, fmt.Sprintf("would change table %s at suspend by the foreign key on its column %s", fk.name, fk.from))
		}
	}
	return nil
}

// dragged reports whether what suspend does to t's rows changes the referring rows.
func (t *table) dragged(fk foreignKey) bool {
	if t.Suspend.Delete {
		return fk.onDelete.writes()
	}
	_, overwritten := t.Suspend.Set[fk.to]
	return fk.onUpdate.writes() && (overwritten || fk.columns > 1)
}

// ended reports whether the rows that fk drags along are declared ones that suspend deletes
// before.
func (w *work) ended(t *table, fk foreignKey) bool {
	i := slices.IndexFunc(w.tables, func(u *table) bool { return u.id == fk.child })
	return t.Suspend.Delete && i >= 0 && w.tables[i].Suspend != nil && w.tables[i].Suspend.Delete && w.covered(t, fk)
}
