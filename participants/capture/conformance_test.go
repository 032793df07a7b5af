package capture_test

import (
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
	"github.com/expunge-io/expunge/participants/sandbox"
)

func TestConformance(t *testing.T) {
	participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
		v := startVendor(t, profile(42), profile(43), profile(421))
		c := byAll(v.root)
		c.By = c.By[:2]
		return connect(t, c), participantstest.Fixture{
			Server:    "look-alike",
			Name:      events.IdentityProvider,
			Subject:   task("", id(42), "user_id=c-43").Identifiers,
			Neighbour: task("", id(421)).Identifiers,
			Unknown:   task("", id(9999), "user_id=c-9999").Identifiers,
			Items:     func(ids []events.Identifier) (int64, error) { return v.items(ids), nil },
			Break: func() error {
				v.SetFaults(sandbox.Fault{Code: 402})
				return nil
			},
		}
	})
}

// items counts in the look-alike's own store.
func (v vendor) items(ids []events.Identifier) (n int64) {
	for _, c := range v.Stored() {
		for _, id := range ids {
			if value := id.Value.Reveal(); value == c.UUID || value == c.Attributes["customerId"] {
				n++
			}
		}
	}
	return n
}
