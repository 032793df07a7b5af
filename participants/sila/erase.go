package sila

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Count implements [participants.Counter]: what get_entity lists, by kind.
func (p *Participant) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	found, err := p.survey(ctx, t)
	if err != nil {
		return nil, err
	}
	counts := events.Counts{emails: 0, phones: 0, addresses: 0, identities: 0}
	for _, f := range found {
		for _, it := range f.items {
			counts[it.kind]++
		}
	}
	return counts, nil
}

// finding is what the task is about at one account.
type finding struct {
	account account
	items   entity
	later   events.Counts
}

// survey looks at every account. It reads only.
func (p *Participant) survey(ctx context.Context, t participants.Task) ([]finding, error) {
	accounts, err := p.accounts(t)
	if err != nil {
		return nil, err
	}
	var out []finding
	for _, acc := range accounts {
		f, err := p.find(ctx, t, acc)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (p *Participant) find(ctx context.Context, t participants.Task, acc account) (finding, error) {
	e, err := p.look(ctx, acc)
	if err != nil {
		return finding{}, err
	}
	chosen, later, err := narrowed(e, t)
	return finding{acc, chosen, later}, err
}

// Erase implements [participants.Participant]. Nothing is deleted before every account was
// looked at without a fault. An identity that cannot be deleted does not keep the rest.
func (p *Participant) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	res := participants.Result{Verdict: events.Absent, Counts: events.Counts{}, Left: events.Counts{}}
	found, err := p.survey(ctx, t)
	if err != nil {
		return res, err
	}
	var all outcome
	for _, f := range found {
		if len(f.items) > 0 && !all.over(ctx) {
			f = p.clear(ctx, t, f.account, &res, &all)
		}
		for kind, n := range f.later {
			res.Left[kind] += n
		}
	}
	if len(res.Left) == 0 {
		res.Left = nil
	}
	return res, all.err(ctx)
}

// clear deletes what is there at one account, while nobody else does.
func (p *Participant) clear(ctx context.Context, t participants.Task, acc account, res *participants.Result, all *outcome) finding {
	end, err := p.turns.Take(ctx, plain(acc.handle))
	if err != nil {
		all.add(err)
		return finding{}
	}
	defer end()
	f, err := p.find(ctx, t, acc)
	all.add(err)
	for _, it := range f.items {
		if all.over(ctx) {
			break
		}
		became, err := p.remove(ctx, acc, it, t.Due)
		all.add(err)
		if became == deleted {
			res.Counts[it.kind]++
		}
		if became != vanished {
			res.Verdict = events.Erased
		}
		all.lied = all.lied || became == remains && err == nil
	}
	return f
}

// end is what became of one item that was there a moment ago.
type end int

const (
	remains  end = iota // without an error: the vendor said 200, and the count after the erase shows it
	deleted             // by us
	vanished            // somebody else was faster
)

// remove deletes one item. Unless the vendor plainly refused, get_entity decides: a lost
// answer may stand for a deletion, and a 200 for none.
func (p *Participant) remove(ctx context.Context, acc account, it item, due time.Time) (end, error) {
	r := request{UUID: it.uuid}
	if it.kind == addresses {
		r.Session = p.config.SessionIdentifier
	}
	a, sendErr := p.call(ctx, deletions[it.kind], acc, r)
	if sendErr == nil {
		sendErr = verdictOf(a)
	}
	declined := a.status == http.StatusBadRequest || a.status == http.StatusNotFound
	if participants.VendorRefused(sendErr) && !declined {
		return remains, sendErr
	}
	now, err := p.look(ctx, acc)
	switch {
	case err != nil:
		return remains, errors.Join(transient(sendErr), err)
	case !now.has(it) && declined:
		return vanished, nil
	case !now.has(it):
		return deleted, nil
	case a.status == http.StatusBadRequest && it.kind == identities:
		return remains, p.refused(ctx, acc, due)
	case sendErr != nil:
		return remains, sendErr
	}
	if success, known := a.said(); !success || !known {
		return remains, errStrange
	}
	return remains, nil
}

// transient returns an error that is no verb, and nil for others: what a refusal meant is
// not known when nothing could be seen after it.
func transient(err error) error {
	if participants.VendorRefused(err) {
		return nil
	}
	return err
}

// outcome gathers what went wrong.
type outcome struct {
	errs     []error
	retained error // the refusal to delete a verified identity
	lied     bool  // something is there that the vendor says it deleted
}

func (o *outcome) add(err error) {
	var kept *participants.Retained
	switch {
	case err == nil:
	case errors.As(err, &kept):
		o.retained = kept
	default:
		o.errs = append(o.errs, err)
	}
}

// over reports whether there is no use in going on: the vendor asks to be left alone, or
// the permit is over.
func (o *outcome) over(ctx context.Context) bool {
	alone := func(err error) bool {
		var retry *participants.RetryAfter
		return errors.As(err, &retry) && retry.Code != codePending
	}
	return ctx.Err() != nil || slices.ContainsFunc(o.errs, alone)
}

// err returns Retained only if nothing but that is left: it ends the share without another
// count. When the permit is over, something may not have been looked at.
func (o *outcome) err(ctx context.Context) error {
	switch {
	case len(o.errs) > 0 || ctx.Err() != nil:
		return errors.Join(append(o.errs, ctx.Err())...)
	case o.retained != nil && o.lied:
		return errors.New("sila: something is still there that the vendor says it deleted")
	}
	return o.retained
}
