package sila

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/expunge-io/expunge/participants"
)

const (
	passed      = "passed"
	codePending = "pending"
)

// over are the states of a verification that neither passed nor is under way.
var over = []string{"failed", "unverified", "not_started", "expired", ""}

// lateGround is why an identity is kept whose verification is under way at the deadline.
const lateGround = "its verification was still under way when the erasure was due"

// refused says why the vendor refused to delete an identity that is there.
func (p *Participant) refused(ctx context.Context, acc account, due time.Time) error {
	states, err := p.verifications(ctx, acc)
	switch {
	case err != nil:
		return err
	case slices.Contains(states, passed):
		return &participants.Retained{Ground: p.config.Ground}
	case !slices.ContainsFunc(states, func(s string) bool { return !slices.Contains(over, s) }):
		return misconfigured("identity_refused", "the vendor refuses to delete an identity, and its verification neither passed nor is under way")
	}
	wait := p.config.PendingWait
	if !due.IsZero() {
		wait = min(wait, due.Sub(p.config.Now()))
	}
	if wait <= 0 {
		return &participants.Retained{Ground: lateGround}
	}
	return &participants.RetryAfter{After: wait, Code: codePending}
}

// verifications returns the states of the person's verifications. Success is no part of
// it: the vendor says false of one that did not pass.
func (p *Participant) verifications(ctx context.Context, acc account) ([]string, error) {
	if p.config.AdvancedKYC {
		var all struct {
			Verifications []verification `json:"verifications"`
		}
		if err := p.read(ctx, getVerifications, acc, request{}, &all); err != nil {
			return nil, err
		}
		return statesOf(all.Verifications)
	}
	var one verification
	if err := p.read(ctx, checkKYC, acc, request{Message: "header_msg"}, &one); err != nil {
		return nil, err
	}
	return statesOf([]verification{one})
}

type verification struct {
	State *string `json:"verification_status"`
}

func statesOf(list []verification) ([]string, error) {
	if list == nil {
		return nil, errStrange
	}
	var out []string
	for _, v := range list {
		if v.State == nil {
			return nil, errStrange
		}
		out = append(out, *v.State)
	}
	return out, nil
}

// read asks a question about a person whose answer is JSON.
func (p *Participant) read(ctx context.Context, operation string, acc account, r request, into any) error {
	a, err := p.call(ctx, operation, acc, r)
	if err == nil {
		err = verdictOf(a)
	}
	if err != nil {
		return err
	}
	if json.Unmarshal(a.body, into) != nil {
		return errStrange
	}
	return nil
}
