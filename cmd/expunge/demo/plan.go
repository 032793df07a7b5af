package demo

import (
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/participants/cognito"
	"github.com/expunge-io/expunge/participants/jumio"
)

// The names of the plans.
const (
	PlanName  = "full"
	GraceName = "with-grace"
)

// Source is the one source.
const Source = "demo"

// Plan is everything that the demo's people have a share in. A delegation is revoked with
// a signature, so the private keys wait for it; whatever is found through the account, and
// the account itself, go last.
func Plan() saga.Plan {
	rows := []string{events.Sessions, events.APIKeys, events.Delegations, events.PrivateKeys, events.AutomationSettings}
	beforeIdentity := slices.Concat(rows, []string{events.VerificationImages})
	images := names(jumio.Scan, jumio.Authentication, jumio.Document)
	return saga.Plan{
		Name: PlanName,
		Ring: 2 * time.Second,
		Participants: []saga.Spec{
			{Name: events.Sessions},
			{Name: events.APIKeys},
			{Name: events.Delegations},
			{Name: events.PrivateKeys, After: []string{events.Delegations}},
			{Name: events.AutomationSettings},
			{Name: events.VerificationImages, Needs: images},
			{Name: events.IdentityProvider, Needs: names(cognito.Username), After: beforeIdentity},
			{
				Name: events.Account, Yields: append(names(cognito.Username), images...),
				After: slices.Concat(beforeIdentity, []string{events.IdentityProvider}),
			},
		},
	}
}

// grace is long enough to withdraw a request by hand, and to wait for.
const grace = time.Minute

// WithGrace is a plan that ends sessions and locks the account at once, and erases only
// after a while, so that people can try what a cancel brings back.
func WithGrace(p saga.Plan) saga.Plan {
	p.Name, p.Grace = GraceName, grace
	p.Participants = slices.Clone(p.Participants)
	for i := range p.Participants {
		s := &p.Participants[i]
		s.Suspends = slices.Contains([]string{events.Sessions, events.Account, events.IdentityProvider}, s.Name)
	}
	return p
}

// Impatient is a plan that gives up within seconds, to be watched.
func Impatient(p saga.Plan) saga.Plan {
	p.BackoffFirst, p.BackoffMax = 250*time.Millisecond, time.Second
	p.Attempts, p.Rounds = 4, 3
	p.Permit, p.Margin = 10*time.Second, time.Second
	return p
}

func names(types ...events.IdentifierType) (out []string) {
	for _, t := range types {
		out = append(out, string(t))
	}
	return out
}
