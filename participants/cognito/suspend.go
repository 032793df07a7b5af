package cognito

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// undo is what Restore needs: the identities that were enabled before.
type undo struct {
	Enabled []string `json:"enabled"`
}

// Prepare implements [participants.Suspender].
func (p *Participant) Prepare(ctx context.Context, t participants.Task) (participants.Undo, error) {
	users, err := p.survey(ctx, t)
	if err != nil {
		return "", err
	}
	before := undo{Enabled: []string{}}
	for _, u := range users {
		if u.enabled {
			before.Enabled = append(before.Enabled, u.name)
		}
	}
	text, err := json.Marshal(before)
	if err != nil {
		return "", errors.New("cognito: undo cannot be written")
	}
	return participants.Undo(text), nil
}

// Suspend implements [participants.Suspender]: it disables every identity and ends its
// sessions, which Restore does not bring back.
func (p *Participant) Suspend(ctx context.Context, t participants.Task, _ participants.Undo) (participants.Result, error) {
	res := participants.Result{Verdict: events.Suspended, Counts: events.Counts{}}
	users, err := p.survey(ctx, t)
	if err != nil {
		return participants.Result{}, err
	}
	for _, u := range users {
		signedOut := false
		err := p.disable(ctx, u)
		if err == nil {
			signedOut, err = p.signOut(ctx, u)
		}
		if errors.Is(err, errNoUser) {
			continue
		}
		if err != nil {
			return res, err
		}
		res.RowsOnly = res.RowsOnly || !signedOut
		res.Counts[identities]++
	}
	return res, nil
}

// Restore implements [participants.Suspender]: it enables what was enabled before. Whoever
// was disabled before stays so.
func (p *Participant) Restore(ctx context.Context, t participants.Task, u participants.Undo) (participants.Result, error) {
	var before undo
	if err := json.Unmarshal([]byte(u.Reveal()), &before); err != nil {
		return participants.Result{}, &participants.Refuse{Code: "undo_unreadable"}
	}
	users, err := p.survey(ctx, t)
	if err != nil {
		return participants.Result{}, err
	}
	res := participants.Result{Verdict: events.Restored, Counts: events.Counts{}}
	for _, u := range users {
		if u.enabled || !slices.Contains(before.Enabled, u.name) {
			continue
		}
		if err := p.enable(ctx, u); err != nil && !errors.Is(err, errNoUser) {
			return res, err
		}
		res.Counts[identities]++
	}
	return res, nil
}
