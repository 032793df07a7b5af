package jumio

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Count implements [participants.Counter]: what is still retrievable, by kind.
func (p *Participant) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	found, err := p.survey(ctx, t)
	if err != nil {
		return nil, err
	}
	counts := events.Counts{scans: 0, authentications: 0, documents: 0}
	for _, f := range found {
		counts[f.ref.kind]++
	}
	return counts, nil
}

// finding is a reference that exists.
type finding struct {
	ref reference
	how sight // here or ongoing
}

// survey retrieves every reference and returns those that exist. It reads only, and
// returns an error if one of the others could be out of sight.
func (p *Participant) survey(ctx context.Context, t participants.Task) ([]finding, error) {
	all, err := p.references(t)
	if err != nil {
		return nil, err
	}
	refs, strange, err := p.named(t, all)
	if err != nil {
		return nil, err
	}
	var out []finding
	for _, ref := range refs {
		s, err := p.look(ctx, ref)
		switch {
		case err == nil && s == gone:
			err = p.absent(ctx, t, refs, ref)
		case err == nil && slices.Contains(strange, ref):
			err = errStrange
		}
		if err != nil {
			return nil, err
		}
		if s != gone {
			out = append(out, finding{ref, s})
		}
	}
	return out, nil
}

// Erase implements [participants.Participant]. Nothing is deleted before every reference
// was looked at without a fault. What is in progress at the vendor is left, and asked for
// again with RetryAfter; the rest is deleted nevertheless, and counted in the result.
func (p *Participant) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	found, err := p.survey(ctx, t)
	if err != nil {
		return participants.Result{}, err
	}
	if len(found) == 0 {
		return participants.Result{Verdict: events.Absent}, nil
	}
	res := participants.Result{Verdict: events.Absent, Counts: events.Counts{}}
	var errs []error
	for _, f := range found {
		end, err := p.remove(ctx, f)
		if end == deleted {
			res.Counts[f.ref.kind]++
		}
		if end != vanished {
			res.Verdict = events.Erased
		}
		errs = append(errs, err)
		if limited(err) || ctx.Err() != nil {
			break
		}
	}
	return res, errors.Join(errs...)
}

// limited reports whether the vendor asked to be left alone.
func limited(err error) bool {
	var retry *participants.RetryAfter
	return errors.As(err, &retry) && retry.Code == "rate_limited"
}

// end is what became of one transaction that was there a moment ago.
type end int

const (
	remains  end = iota // without an error: the vendor said 200, and the count after the erase shows it
	deleted             // by us
	vanished            // somebody else was faster
)

// remove deletes one transaction. Unless the vendor plainly refused, retrieval decides: a
// lost answer may stand for a deletion, and a 200 for none.
func (p *Participant) remove(ctx context.Context, f finding) (end, error) {
	if f.how == ongoing {
		return remains, p.pending()
	}
	a, sendErr := p.send(ctx, http.MethodDelete, f.ref)
	if sendErr == nil {
		sendErr = p.verdictOf(a)
	}
	if participants.VendorRefused(sendErr) {
		return remains, sendErr
	}
	s, err := p.look(ctx, f.ref)
	switch {
	case err != nil:
		return remains, errors.Join(sendErr, err)
	case s == gone && a.status == http.StatusNotFound:
		return vanished, nil
	case s == gone:
		return deleted, nil
	case sendErr != nil:
		return remains, sendErr
	case s == ongoing || a.status == http.StatusNotFound:
		return remains, p.pending()
	default:
		return remains, nil
	}
}
