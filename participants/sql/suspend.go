package sql

import (
	"context"
	dbsql "database/sql"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

var _ participants.Suspender = Suspender{}

// Suspender is a [Participant] that can make its share unusable and bring it back: one with
// tables that say what suspend does to their rows. See [Suspend].
type Suspender struct{ *Participant }

// Suspender returns the participant with the ability to suspend; ok is false if no table
// has [Table.Suspend]. A participant without it must not claim the ability: it would say
// that a share is suspended that is as usable as before.
func (p *Participant) Suspender() (s Suspender, ok bool) {
	for _, t := range p.config.Tables {
		if t.Suspend != nil {
			return Suspender{p}, true
		}
	}
	return Suspender{}, false
}

// Prepare implements [participants.Suspender]: it reads the values that Suspend will
// overwrite.
func (s Suspender) Prepare(ctx context.Context, t participants.Task) (participants.Undo, error) {
	k, err := s.keysOf(t)
	if err != nil {
		return "", err
	}
	var u undo
	err = s.read(ctx, func(w *work) (err error) {
		u, err = w.remember(k)
		return err
	})
	if err != nil {
		return "", err
	}
	return u.write()
}

// Suspend implements [participants.Suspender]: it overwrites what u remembers, and deletes
// the rows of tables that are ended, in one transaction. A row that is not in u is not
// overwritten, because Restore would leave it so.
func (s Suspender) Suspend(ctx context.Context, t participants.Task, u participants.Undo) (participants.Result, error) {
	return s.change(ctx, t, u, (*work).suspend)
}

// Restore implements [participants.Suspender]: a value that is still what Suspend made it
// becomes what it was before. What was changed since then stays, and what was deleted stays
// deleted.
func (s Suspender) Restore(ctx context.Context, t participants.Task, u participants.Undo) (participants.Result, error) {
	return s.change(ctx, t, u, (*work).restore)
}

// change runs one transaction under an undo value. It is all or nothing, and may run twice:
// after a commit whose answer was lost, the next attempt finds it done.
func (s Suspender) change(ctx context.Context, t participants.Task, text participants.Undo, f func(*work, keys, undo) (participants.Result, error)) (res participants.Result, err error) {
	k, err := s.keysOf(t)
	if err != nil {
		return participants.Result{}, err
	}
	u, err := readUndo(text)
	if err != nil {
		return participants.Result{}, err
	}
	err = s.patiently(ctx, func() error {
		w, err := s.begin(ctx, dbsql.TxOptions{})
		if err != nil {
			return err
		}
		defer func() { _ = w.tx.Rollback() }() // after a commit it does nothing
		if res, err = f(w, k, u); err == nil {
			err = w.d.commit(ctx, w.tx)
		}
		return s.explain(ctx, err)
	})
	if err != nil {
		return participants.Result{}, err
	}
	s.dialect.scrub(ctx, s.db)
	return res, nil
}

// suspend overwrites before it deletes, children before parents. A share whose rows all
// were as they should be is suspended, though nothing had to be done.
func (w *work) suspend(k keys, u undo) (participants.Result, error) {
	res := participants.Result{Verdict: events.Absent, Counts: events.Counts{}}
	for _, t := range w.tables {
		if t.Suspend == nil {
			continue
		}
		there, err := w.count(t, k)
		if err != nil {
			return participants.Result{}, err
		}
		if there > 0 {
			res.Verdict = events.Suspended
		}
		n, err := w.suspendTable(t, k, u)
		if err != nil {
			return participants.Result{}, err
		}
		res.Counts[t.Kind] += n
	}
	return res, u.fits(w)
}

func (w *work) suspendTable(t *table, k keys, u undo) (int64, error) {
	if t.Suspend.Delete {
		if err := w.strays(t, k, t.dragged); err != nil {
			return 0, err
		}
		return w.exec(t, newQuery(w.d, w.d.deletion()), k)
	}
	return w.overwrite(t, k, u, (*query).suspends)
}

func (w *work) restore(k keys, u undo) (participants.Result, error) {
	res := participants.Result{Verdict: events.Absent, Counts: events.Counts{}}
	for _, t := range w.tables {
		if t.Suspend == nil || t.Suspend.Delete {
			continue
		}
		n, err := w.overwrite(t, k, u, (*query).restores)
		if err != nil {
			return participants.Result{}, err
		}
		if n > 0 {
			res.Verdict = events.Restored
			res.Counts[t.Kind] += n
		}
	}
	return res, u.fits(w)
}

// overwrite changes the remembered rows of a table, one by one, and returns how many were
// there to be changed.
func (w *work) overwrite(t *table, k keys, u undo, build func(*query, *table, keys, memory, row) error) (sum int64, err error) {
	m := u.of(t.Name)
	if len(m.Rows) > 0 && !m.fits(t) {
		return 0, errMisfit
	}
	for _, r := range m.Rows {
		q := newQuery(w.d, "UPDATE ")
		q.add(w.d.quoteTable(t.Name), " AS t0 SET ")
		if err := build(q, t, k, m, r); err != nil {
			return 0, err
		}
		n, err := w.run(q)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
