package world

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/expunge-io/expunge/participants/sandbox"
	"github.com/expunge-io/expunge/torture/record"
)

// BringBack makes a suspended share usable again, as an operator does by hand who was told
// that nobody else knows how: told is what the orchestrator said of the saga. A share that is
// gone, or not suspended, stays as it is, and that is no deed.
func (w *World) BringBack(_ context.Context, saga, person, participant, told string) error {
	if participant != Suspends {
		return fmt.Errorf("bring back the share of %s: nothing of it is ever suspended here", participant)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.people, func(p Person) bool { return p.ID == person })
	if i < 0 {
		return nil // has no share anywhere
	}
	done := false
	err := w.cognito.Change(Pool, w.people[i].Username, func(u *sandbox.CognitoUser) bool {
		done, u.Disabled = u.Disabled, false
		return done
	})
	if done {
		w.deeds = append(w.deeds, record.Deed{Saga: saga, Person: person, Participant: participant, Told: told, At: time.Now()})
	}
	return err
}

// Suspends is the one participant that suspends.
const Suspends = "identity-provider"

// suspensions are the times in which each user was disabled, by user name.
type suspensions map[string][]time.Time

// since returns when a user was disabled who was enabled again at about a time: the last one
// before it.
func (s suspensions) since(username string, before time.Time) (at time.Time) {
	for _, t := range s[username] {
		if !t.After(before) {
			at = t
		}
	}
	return at
}

// done returns what operators did by hand, with what it undid.
func (w *World) done(s suspensions) []record.Deed {
	names := map[string]string{}
	for _, p := range w.people {
		names[p.ID] = p.Username
	}
	deeds := slices.Clone(w.deeds)
	for i := range deeds {
		deeds[i].Suspended = s.since(names[deeds[i].Person], deeds[i].At)
	}
	return deeds
}
