package participants_test

import (
	"context"
	"errors"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
)

// fallible are bookmarks whose store can go down.
type fallible struct {
	*bookmarks
	down bool
}

func (f *fallible) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	if f.down {
		return participants.Result{}, errors.New("the store is down")
	}
	return f.bookmarks.Erase(ctx, t)
}

func (f *fallible) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	if f.down {
		return nil, errors.New("the store is down")
	}
	return f.bookmarks.Count(ctx, t)
}

func TestTheExampleKeepsTheContract(t *testing.T) {
	participantstest.Run(t, func(*testing.T) (participants.Participant, participantstest.Fixture) {
		f := &fallible{bookmarks: newBookmarks()}
		id := func(v events.Private) []events.Identifier {
			return []events.Identifier{{Type: events.UserID, Value: v}}
		}
		return f, participantstest.Fixture{
			Name: "bookmarks", Subject: id("u-0042"), Neighbour: id("u-0043"), Unknown: id("u-9999"),
			Items: func(ids []events.Identifier) (int64, error) {
				f.mu.Lock()
				defer f.mu.Unlock()
				return int64(len(f.byUser[ids[0].Value.Reveal()])), nil
			},
			Break: func() error { f.down = true; return nil },
		}
	})
}
