package redis

import (
	"context"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// passes is how often it is searched again for what was written meanwhile. What comes back
// after the last is for the count that follows.
const passes = 4

// Count implements [participants.Counter]: keys, and members of indexes and collections.
func (p *Participant) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	targets, err := p.survey(ctx, t)
	if err != nil {
		return nil, err
	}
	counts := p.none()
	for _, at := range targets {
		n, err := p.count(ctx, at)
		if err != nil {
			return nil, verbOf(ctx, err)
		}
		counts[at.kind] += n
	}
	return counts, nil
}

func (p *Participant) none() events.Counts {
	counts := events.Counts{}
	for _, place := range p.places {
		counts[place.kind] = 0
	}
	return counts
}

// Erase implements [participants.Participant]. It searches again until a whole pass found
// nothing: a session that began in between may have been noted behind its back.
func (p *Participant) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	res, err := p.clear(ctx, t)
	if res.Verdict = events.Absent; res.Counts.Total() > 0 {
		res.Verdict = events.Erased
	}
	return res, err
}

// clear deletes all entries. With an error the counts say what was deleted before it.
func (p *Participant) clear(ctx context.Context, t participants.Task) (participants.Result, error) {
	res := participants.Result{Counts: p.none()}
	targets, err := p.survey(ctx, t)
	if err != nil {
		return res, err
	}
	for range passes {
		found := int64(0)
		for _, at := range targets {
			n, err := p.remove(ctx, at)
			res.Counts[at.kind] += n
			if found += n; err != nil {
				return res, verbOf(ctx, err)
			}
		}
		if found == 0 {
			break
		}
	}
	return res, nil
}

func (p *Participant) count(ctx context.Context, at target) (int64, error) {
	switch at.form {
	case aKey:
		return p.client.Exists(ctx, at.key.text()).Result()
	case aSearch:
		found := map[string]bool{} // a scan may return a key twice
		err := p.search(ctx, at, func(keys []string) error {
			for _, key := range keys {
				found[key] = true
			}
			return nil
		})
		return int64(len(found)), err
	case anIndex, aShare:
	}
	c, err := p.open(ctx, at.collection)
	if err != nil || c == nil {
		return 0, err
	}
	if at.form == anIndex {
		return c.size(ctx)
	}
	return c.has(ctx, at.member)
}

func (p *Participant) remove(ctx context.Context, at target) (n int64, err error) {
	switch at.form {
	case aKey:
		return p.unlink(ctx, []string{at.key.text()})
	case aSearch:
		err = p.search(ctx, at, func(keys []string) error {
			gone, err := p.unlink(ctx, keys)
			n += gone
			return err
		})
		return n, err
	case anIndex, aShare:
	}
	c, err := p.open(ctx, at.collection)
	if err != nil || c == nil {
		return 0, err
	}
	if at.form == anIndex {
		return p.empty(ctx, at, c)
	}
	return c.remove(ctx, []string{at.member})
}
