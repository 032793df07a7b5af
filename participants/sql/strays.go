package sql

// strays refuses to change rows of t while rows of another table are left that the change
// would take along, by the foreign keys for which taken is true. Its children were dealt with before, by keys that were compared byte by
// byte; a foreign key compares by a collation, and may join a child that is written in
// another way.
func (w *work) strays(t *table, k keys, taken func(foreignKey) bool) error {
	if !w.d.folds() {
		return nil
	}
	for _, fk := range t.incoming {
		if !taken(fk) {
			continue
		}
		n, err := w.joined(t, fk, k)
		if err != nil {
			return err
		}
		if n > 0 {
			return fault("key_not_exact", t, "is joined by the foreign key on "+fk.name+"."+fk.from+" to rows whose key is the same by its collation, and not byte by byte")
		}
	}
	return nil
}

// joined counts the rows that a foreign key joins to the person's rows of t.
func (w *work) joined(t *table, fk foreignKey, k keys) (n int64, err error) {
	q := newQuery(w.d, "SELECT count(*) FROM ")
	q.add(w.d.quoteTable(fk.child), " AS c WHERE c.", quote(fk.from), " IN (SELECT t0.", quote(fk.to), " FROM ")
	if err := q.rowsOf(t, k); err != nil {
		return 0, err
	}
	q.add(")")
	err = w.tx.QueryRowContext(w.ctx, q.text(), q.args...).Scan(&n)
	return n, err
}
