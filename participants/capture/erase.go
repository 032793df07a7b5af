package capture

import (
	"context"
	"errors"
	"net/url"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Count implements [participants.Counter]: profiles that exist.
func (p *Participant) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	found, err := p.survey(ctx, t)
	if err != nil {
		return nil, err
	}
	return events.Counts{identities: int64(len(found))}, nil
}

// Resolve implements [participants.Resolver].
func (p *Participant) Resolve(ctx context.Context, t participants.Task) ([]events.Identifier, error) {
	if !p.config.YieldUUID {
		return nil, nil
	}
	found, err := p.survey(ctx, t)
	if err != nil {
		return nil, err
	}
	var ids []events.Identifier
	for _, uuid := range found {
		ids = append(ids, events.Identifier{Type: UUID, Value: events.Private(uuid)})
	}
	return ids, nil
}

// Erase implements [participants.Participant]. Nothing is deleted before every identifier
// was looked up without a fault.
func (p *Participant) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	found, err := p.survey(ctx, t)
	if err != nil {
		return participants.Result{}, err
	}
	res := participants.Result{Verdict: events.Absent, Counts: events.Counts{}}
	for _, uuid := range found {
		end, err := p.remove(ctx, uuid)
		if err != nil {
			return res, err
		}
		if end != vanished {
			res.Verdict = events.Erased // so the vendor says; the count after the erase decides
		}
		if end == deleted {
			res.Counts[identities]++
		}
	}
	return res, nil
}

// end is what became of one profile that was there a moment ago.
type end int

const (
	remains  end = iota // without an error: the vendor said ok, and the count after the erase shows it
	deleted             // by us
	vanished            // somebody else was faster
)

// remove deletes one profile. Unless the vendor plainly refused, a lookup decides: a lost
// answer may stand for a deletion, and an ok for none.
func (p *Participant) remove(ctx context.Context, uuid string) (end, error) {
	_, err := p.ask(ctx, "entity.delete", url.Values{"uuid": {uuid}})
	if participants.VendorRefused(err) {
		return remains, err
	}
	lookErr := p.look(ctx, uuid)
	switch gone := errors.Is(lookErr, errNoRecord); {
	case gone && errors.Is(err, errNoRecord):
		return vanished, nil
	case gone:
		return deleted, nil
	case lookErr != nil:
		return remains, errors.Join(err, lookErr)
	default:
		return remains, err
	}
}
