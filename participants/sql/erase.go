package sql

import (
	"context"
	dbsql "database/sql"
	"errors"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Count implements [participants.Counter]: the person's rows by kind, including those that
// must be kept.
func (p *Participant) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	k, err := p.keysOf(t)
	if err != nil {
		return nil, err
	}
	counts := events.Counts{}
	err = p.read(ctx, func(w *work) error {
		for _, t := range w.tables {
			if t.Mode == Empty {
				continue // somebody else counts it
			}
			n, err := w.count(t, k)
			if err != nil {
				return err
			}
			counts[t.Kind] += n
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// Resolve implements [participants.Resolver]: what the person's rows hold for others.
func (p *Participant) Resolve(ctx context.Context, t participants.Task) ([]events.Identifier, error) {
	k, err := p.keysOf(t)
	if err != nil {
		return nil, err
	}
	var out []events.Identifier
	err = p.read(ctx, func(w *work) error {
		for _, t := range w.tables {
			for _, y := range t.Yields {
				found, err := w.yield(t, y, k)
				if err != nil {
					return err
				}
				out = append(out, found...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Erase implements [participants.Participant]. All tables change in one transaction, or
// none does.
func (p *Participant) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	var res participants.Result
	err := p.patiently(ctx, func() (err error) {
		res, err = p.erase(ctx, t)
		return err
	})
	return res, err
}

func (p *Participant) erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	k, err := p.keysOf(t)
	if err != nil {
		return participants.Result{}, err
	}
	w, err := p.begin(ctx, dbsql.TxOptions{})
	if err != nil {
		return participants.Result{}, err
	}
	defer func() { _ = w.tx.Rollback() }() // after a commit it does nothing
	if news, err := w.untold(t, k); err != nil {
		return participants.Result{}, p.explain(ctx, err)
	} else if news {
		return participants.Result{}, &participants.Refuse{Code: "new_identifiers"}
	}
	did, err := w.change(k)
	if err != nil {
		return participants.Result{}, p.explain(ctx, err)
	}
	if err := w.d.commit(ctx, w.tx); err != nil {
		return p.settle(ctx, t, did, err)
	}
	p.dialect.scrub(ctx, p.db)
	return did.result(), did.retained()
}

// deed is what one transaction did.
type deed struct {
	deleted    events.Counts
	anonymised events.Counts
	kept       *participants.Retained // nil: nothing had to be kept
	keptRows   int64
}

func (d deed) result() participants.Result {
	counts := events.Counts{}
	for _, c := range []events.Counts{d.deleted, d.anonymised} {
		for kind, n := range c {
			counts[kind] += n
		}
	}
	verdict := events.Absent
	switch {
	case d.deleted.Total() > 0:
		verdict = events.Erased
	case d.anonymised.Total() > 0:
		verdict = events.Anonymised
	}
	return participants.Result{Verdict: verdict, Counts: counts}
}

// retained returns the verb for rows that were kept. It keeps a nil pointer out of the
// interface.
func (d deed) retained() error {
	if d.kept == nil {
		return nil
	}
	return d.kept
}

// change does to each table what its mode says, children before parents.
func (w *work) change(k keys) (deed, error) {
	d := deed{deleted: events.Counts{}, anonymised: events.Counts{}}
	for _, t := range w.tables {
		var n int64
		var err error
		switch t.Mode {
		case Delete:
			n, err = w.delete(t, k)
			d.deleted[t.Kind] += n
		case Anonymise:
			n, err = w.anonymise(t, k)
			d.anonymised[t.Kind] += n
		case Retain:
			n, err = w.count(t, k)
			d.keep(t, n)
		case Empty:
			n, err = w.count(t, k)
			if n > 0 {
				err = errNotEmpty
			}
		}
		if err != nil {
			return deed{}, err
		}
	}
	return d, nil
}

// errNotEmpty is tried again: the participant of that table erases in a round of its own.
var errNotEmpty = errors.New("sql: a table that another participant erases still holds rows of the person")

func (d *deed) keep(t *table, n int64) {
	d.keptRows += n
	if n > 0 && d.kept == nil {
		d.kept = &participants.Retained{Ground: t.Ground, Until: t.Until}
	}
}

func (w *work) delete(t *table, k keys) (int64, error) {
	if err := w.strays(t, k, t.pulls); err != nil {
		return 0, err
	}
	return w.exec(t, newQuery(w.d, w.d.deletion()), k)
}

func (w *work) anonymise(t *table, k keys) (int64, error) {
	if err := w.strays(t, k, t.pulls); err != nil {
		return 0, err
	}
	q := newQuery(w.d, "UPDATE ")
	q.add(w.d.quoteTable(t.Name), " AS t0 SET ")
	q.sets(t)
	if err := q.where(t, "t0", k); err != nil {
		return 0, err
	}
	return w.run(q)
}

func (w *work) exec(t *table, q *query, k keys) (int64, error) {
	if err := q.rowsOf(t, k); err != nil {
		return 0, err
	}
	return w.run(q)
}

func (w *work) run(q *query) (int64, error) {
	res, err := w.tx.ExecContext(w.ctx, q.text(), q.args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// settle finds out what became of a commit whose answer is an error or was lost: only if
// nothing is left but what had to be kept, it took place.
func (p *Participant) settle(ctx context.Context, t participants.Task, did deed, commitErr error) (participants.Result, error) {
	left, err := p.Count(ctx, t)
	if err != nil || left.Total() > did.keptRows || did.result().Verdict == events.Absent {
		return participants.Result{}, p.explain(ctx, commitErr)
	}
	return did.result(), did.retained()
}
