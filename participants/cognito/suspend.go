package cognito

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// undo is what Restore needs: which identities there were, and which were enabled.
type undo struct {
	Identities []identity `json:"identities"`
}

// identity is a user name and whose it was: a name may be given out again meanwhile.
type identity struct {
	Name    string `json:"name"`
	Sub     string `json:"sub"`
	Enabled bool   `json:"enabled"`
}

// enabled reports whether an identity was enabled before. passed means that the name is by
// now another person's.
func (o undo) enabled(u user) (enabled, passed bool) {
	i := slices.IndexFunc(o.Identities, func(i identity) bool { return i.Name == u.name })
	if i < 0 {
		return false, false
	}
	return o.Identities[i].Enabled, o.Identities[i].Sub != u.sub
}

// Prepare implements [participants.Suspender].
func (p *Participant) Prepare(ctx context.Context, t participants.Task) (participants.Undo, error) {
	users, err := p.survey(ctx, t)
	if err != nil {
		return "", err
	}
	before := undo{Identities: []identity{}}
	for _, u := range users {
		before.Identities = append(before.Identities, identity{u.name, u.sub, u.enabled})
	}
	text, err := json.Marshal(before)
	if err != nil {
		return "", errors.New("cognito: undo cannot be written")
	}
	return participants.Undo(text), nil
}

func readUndo(u participants.Undo) (before undo, err error) {
	if json.Unmarshal([]byte(u.Reveal()), &before) != nil || before.Identities == nil {
		return undo{}, &participants.Refuse{Code: "undo_unreadable"}
	}
	return before, nil
}

// Suspend implements [participants.Suspender]: it disables the identities that u says were
// enabled, and ends the sessions of all, which Restore does not bring back. An identity
// that u does not know, or knows as disabled, is not disabled: Restore would leave it so.
func (p *Participant) Suspend(ctx context.Context, t participants.Task, u participants.Undo) (participants.Result, error) {
	before, err := readUndo(u)
	if err != nil {
		return participants.Result{}, err
	}
	users, err := p.survey(ctx, t)
	if err != nil {
		return participants.Result{}, err
	}
	res := participants.Result{Verdict: events.Absent, Counts: events.Counts{}}
	for _, u := range users {
		enabled, passed := before.enabled(u)
		if passed {
			continue
		}
		suspend := p.endSessions
		if enabled {
			suspend = p.lockOut
		}
		switch err := suspend(ctx, u); {
		case errors.Is(err, errNoUser):
			continue
		case err != nil:
			return res, err
		}
		res.Verdict = events.Suspended
		if enabled {
			res.Counts[identities]++
		}
	}
	return res, nil
}

// lockOut disables an identity and then ends its sessions: in the other order a new one
// could begin in between.
func (p *Participant) lockOut(ctx context.Context, u user) error {
	if err := p.disable(ctx, u); err != nil {
		return err
	}
	return p.endSessions(ctx, u)
}

func (p *Participant) endSessions(ctx context.Context, u user) error {
	_, err := p.signOut(ctx, u)
	return err
}

// Restore implements [participants.Suspender]: it enables what was enabled before. Whoever
// was disabled before stays so, and so does somebody else who was given the name meanwhile.
func (p *Participant) Restore(ctx context.Context, t participants.Task, u participants.Undo) (participants.Result, error) {
	before, err := readUndo(u)
	if err != nil {
		return participants.Result{}, err
	}
	users, err := p.survey(ctx, t)
	if err != nil {
		return participants.Result{}, err
	}
	res := participants.Result{Verdict: events.Restored, Counts: events.Counts{}}
	for _, u := range users {
		if enabled, passed := before.enabled(u); u.enabled || !enabled || passed {
			continue
		}
		if err := p.enable(ctx, u); err != nil && !errors.Is(err, errNoUser) {
			return res, err
		}
		res.Counts[identities]++
	}
	if res.Counts[identities] == 0 {
		return res, nil
	}
	return res, p.restored(ctx, t, before)
}

var errStillDisabled = errors.New("cognito: an identity is still disabled after it was enabled")

// restored looks again: an answer is no proof, and nobody counts after a restore.
func (p *Participant) restored(ctx context.Context, t participants.Task, before undo) error {
	users, err := p.survey(ctx, t)
	if err != nil {
		return err
	}
	for _, u := range users {
		if enabled, passed := before.enabled(u); !u.enabled && enabled && !passed {
			return errStillDisabled
		}
	}
	return nil
}
