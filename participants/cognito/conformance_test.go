package cognito_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
	"github.com/expunge-io/expunge/participants/sandbox"
)

func TestConformance(t *testing.T) {
	participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
		subject := person("user-0042", "sub-0042")
		subject.Links = []sandbox.ProviderLink{{Provider: "Google", Subject: "g-0042"}}
		old := person("user-0042-old", "sub-0042-old")
		old.Disabled = true
		v := startVendor(t, subject, old, person("user-00421", "sub-00421"))
		return v.p, participantstest.Fixture{
			Server:    "look-alike",
			Name:      events.IdentityProvider,
			Subject:   task("", "cognito_username=user-0042", "cognito_username=user-0042-old").Identifiers,
			Neighbour: task("", "cognito_username=user-00421").Identifiers,
			Unknown:   task("", "cognito_username=user-9999").Identifiers,
			Items:     func(ids []events.Identifier) (int64, error) { return v.items(ids), nil },
			State:     func(ids []events.Identifier) (string, error) { return v.state(ids), nil },
			Break: func() error {
				v.SetFaults(sandbox.Fault{Status: 403})
				return nil
			},
		}
	})
}

// items counts in the look-alike's own store.
func (v vendor) items(ids []events.Identifier) (n int64) {
	for _, u := range v.Stored(pool) {
		id := events.Identifier{Type: "cognito_username", Value: events.Private(u.Username)}
		if slices.Contains(ids, id) {
			n += 1 + int64(len(u.Links))
		}
	}
	return n
}

// state is all that the look-alike stores, but for sessions and the time of a change.
func (v vendor) state(ids []events.Identifier) string {
	var out []string
	for _, u := range v.Stored(pool) {
		if slices.Contains(ids, events.Identifier{Type: "cognito_username", Value: events.Private(u.Username)}) {
			u.SignedOut, u.Changed = 0, time.Time{}
			out = append(out, fmt.Sprintf("%+v", u))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
