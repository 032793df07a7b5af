package s3

import (
	"context"
	"errors"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// passes is how often it is deleted again what was written meanwhile. What comes back after
// the last is for the count that follows.
const passes = 4

// Count implements [participants.Counter]: versions, delete markers and unfinished uploads,
// also those that are locked.
func (p *Participant) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	targets, err := p.survey(t)
	if err != nil {
		return nil, err
	}
	there, err := p.list(ctx, targets, t.CutOff)
	if err != nil {
		return nil, err
	}
	counts := p.none()
	for _, at := range there.at {
		counts[at.Kind]++
	}
	return counts, nil
}

func (p *Participant) none() events.Counts {
	counts := events.Counts{}
	for _, place := range p.places {
		counts[place.Kind] = 0
	}
	return counts
}

// Erase implements [participants.Participant]. With an error the counts say what was deleted
// before it.
func (p *Participant) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	res := participants.Result{Verdict: events.Absent, Counts: p.none()}
	targets, err := p.survey(t)
	if err != nil {
		return res, err
	}
	var keys []string
	for _, at := range targets {
		keys = append(keys, at.Bucket+"\x00"+at.text)
	}
	end, err := p.turns.Take(ctx, keys...)
	if err != nil {
		return res, err
	}
	defer end()
	err = p.clear(ctx, targets, t.CutOff, &res)
	lied := errors.Is(err, errNotDeleted)
	if lied {
		err = nil // so the store says; the count after the erase will not
	}
	if lied || res.Counts.Total() > 0 {
		res.Verdict = events.Erased
	}
	return res, err
}

// clear deletes and lists in turns until nothing more comes up, and adds to the counts of res
// what is gone.
func (p *Participant) clear(ctx context.Context, targets []target, cutOff time.Time, res *participants.Result) error {
	before, err := p.list(ctx, targets, cutOff)
	if err != nil {
		return err
	}
	for range passes {
		if len(before.items) == 0 {
			break
		}
		d := p.delete(ctx, before.items)
		now, err := p.list(ctx, targets, cutOff)
		if err != nil {
			return errors.Join(d.err, err)
		}
		left := before.kept(now, res.Counts)
		switch {
		case len(left.items) > 0 && d.err != nil:
			return d.err
		case len(left.items) > 0 && len(left.items) == len(now.items):
			return p.why(ctx, left, d)
		}
		before = now
	}
	res.Left = events.Counts{}
	for _, at := range before.later {
		res.Left[at.Kind]++
	}
	return nil
}

// kept returns what is still there, and adds to counts what is not.
func (s *share) kept(now share, counts events.Counts) share {
	left := share{at: map[item]*place{}}
	for _, i := range s.items {
		if now.has(i) {
			left.add(i, s.at[i])
			continue
		}
		counts[s.at[i].Kind]++
	}
	return left
}
