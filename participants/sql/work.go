package sql

import (
	"context"
	dbsql "database/sql"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// work is one transaction over the declared tables, whose live schema was checked in it.
type work struct {
	ctx    context.Context
	tx     *dbsql.Tx
	d      dialect
	tables []*table // children before parents
}

// table is a declared table as it is in the live schema.
type table struct {
	Table
	facts
	parent *table // nil: the key is an identifier
}

// read runs f in a transaction that cannot write. It may run f more than once.
func (p *Participant) read(ctx context.Context, f func(*work) error) error {
	return p.patiently(ctx, func() error {
		w, err := p.begin(ctx, dbsql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer func() { _ = w.tx.Rollback() }() // there is nothing to lose
		return p.explain(ctx, f(w))
	})
}

// patiently runs a whole transaction, and runs it again while a lock is in the way, for as
// long as LockWait. The database's own waiting is kept short instead, because in SQLite
// the end of the context does not end it.
func (p *Participant) patiently(ctx context.Context, transaction func() error) error {
	patience, cancel := context.WithTimeout(ctx, p.config.LockWait)
	defer cancel()
	for {
		err := transaction()
		if !isBusy(err) {
			return err
		}
		pause := time.NewTimer(lockPause)
		select {
		case <-patience.Done():
			pause.Stop()
			return p.explain(ctx, err)
		case <-pause.C:
		}
	}
}

const lockPause = 10 * time.Millisecond

// begin opens a transaction and checks the schema in it. Its errors are explained.
func (p *Participant) begin(ctx context.Context, o dbsql.TxOptions) (*work, error) {
	o.Isolation = p.dialect.isolation(o)
	tx, err := p.db.BeginTx(ctx, &o)
	if err != nil {
		return nil, p.explain(ctx, err)
	}
	w := &work{ctx: ctx, tx: tx, d: p.dialect}
	err = p.dialect.limit(ctx, tx, p.config)
	if err == nil {
		err = w.inspect(p.config.Tables)
	}
	if err != nil {
		_ = tx.Rollback() // the first error is the one that counts
		return nil, p.explain(ctx, err)
	}
	return w, nil
}

// keys are the values by which a task's person is found, by type.
type keys map[events.IdentifierType][]string

// keysOf reads a task. A person without the id that every task brings is a fault, and so
// is a value that no database could hold.
func (p *Participant) keysOf(t participants.Task) (keys, error) {
	if p.config.Realm != "" && t.Realm != p.config.Realm {
		return nil, misconfigured("wrong_realm", "the task is of another realm than this participant serves")
	}
	out := keys{}
	for _, typ := range p.Needs() {
		for _, v := range t.Values(typ) {
			if v == "" || !utf8.ValidString(v) || slices.Contains([]byte(v), 0) {
				return nil, misconfigured("identifier_form", "an identifier is empty, or no text that a database can hold")
			}
			if !slices.Contains(out[typ], v) {
				out[typ] = append(out[typ], v)
			}
		}
	}
	if slices.Contains(p.Needs(), events.UserID) && len(out[events.UserID]) == 0 {
		return nil, misconfigured("user_id_missing", "the task brings no user_id")
	}
	return out, nil
}

// count returns how many rows of t are the person's.
func (w *work) count(t *table, k keys) (n int64, err error) {
	q := newQuery(w.d, "SELECT count(*) FROM ")
	if err := q.rowsOf(t, k); err != nil {
		return 0, err
	}
	err = w.tx.QueryRowContext(w.ctx, q.text(), q.args...).Scan(&n)
	return n, err
}
