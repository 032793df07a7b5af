package cognito

import (
	"context"
	"errors"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Count implements [participants.Counter]: identities that exist, and links to external
// providers.
func (p *Participant) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	users, err := p.survey(ctx, t)
	if err != nil {
		return nil, err
	}
	counts := events.Counts{identities: int64(len(users)), providerLinks: 0}
	for _, u := range users {
		counts[providerLinks] += int64(len(u.links))
	}
	return counts, nil
}

// Erase implements [participants.Participant]. Nothing is changed before every identity
// was looked at and found to be the person's.
func (p *Participant) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	users, err := p.survey(ctx, t)
	if err != nil {
		return participants.Result{}, err
	}
	res := participants.Result{Verdict: events.Absent, Counts: events.Counts{}}
	for _, u := range users {
		if err := p.erase(ctx, u, &res); err != nil {
			return res, err
		}
	}
	if res.Counts.Total() > 0 {
		res.Verdict = events.Erased
	}
	return res, nil
}

// erase deletes one identity and adds to the result what it deleted. An identity that
// somebody else deletes in the meantime is nothing of ours.
func (p *Participant) erase(ctx context.Context, u user, res *participants.Result) error {
	err := p.cutOff(ctx, u, res)
	if errors.Is(err, errNoUser) {
		return nil
	}
	if err != nil {
		return err
	}
	switch end, err := p.remove(ctx, u); {
	case err != nil:
		return err
	case end == deleted:
		res.Counts[identities]++
	case end == remains:
		res.Verdict = events.Erased // so the vendor says; the count after the erase will not
	}
	return nil
}

// cutOff takes away every way in before the identity goes: password, sessions, external
// providers.
func (p *Participant) cutOff(ctx context.Context, u user, res *participants.Result) error {
	if err := p.disable(ctx, u); err != nil {
		return err
	}
	signedOut, err := p.signOut(ctx, u)
	if err != nil {
		return err
	}
	res.RowsOnly = res.RowsOnly || !signedOut
	for _, l := range u.links {
		unlinked, err := p.unlink(ctx, l)
		if err != nil {
			return err
		}
		if unlinked {
			res.Counts[providerLinks]++
		}
	}
	return nil
}

// end is what became of one identity.
type end int

const (
	remains  end = iota // without an error: the vendor said that it is deleted
	deleted             // by us
	vanished            // somebody else was faster
)

// remove deletes one identity and looks again: a lost answer may stand for a deletion, and
// a success for none.
func (p *Participant) remove(ctx context.Context, u user) (end, error) {
	err := p.delete(ctx, u)
	switch {
	case errors.Is(err, errNoUser):
		return vanished, nil
	case participants.VendorRefused(err):
		return remains, err
	}
	now, lookErr := p.get(ctx, u.name)
	switch {
	case errors.Is(lookErr, errNoUser), lookErr == nil && now.sub != u.sub:
		return deleted, nil
	case lookErr != nil:
		return remains, errors.Join(err, lookErr)
	default:
		return remains, err
	}
}
