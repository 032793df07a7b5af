package jumio_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
	"github.com/expunge-io/expunge/participants/sandbox"
)

func TestConformance(t *testing.T) {
	participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
		v := startVendor(t,
			tx("eu", "scans", "ref-0042"), tx("eu", "documents", "ref-0042"), tx("eu", "authentications", "ref-0043"),
			tx("eu", "scans", "ref-00421"), tx("us", "authentications", "ref-0042"))
		return v.p, participantstest.Fixture{
			Server:    "look-alike",
			Name:      events.VerificationImages,
			Subject:   task("", "jumio_scan=eu:ref-0042", "jumio_document=ref-0042", "jumio_authentication=eu:ref-0043").Identifiers,
			Neighbour: task("", "jumio_scan=eu:ref-00421", "jumio_authentication=us:ref-0042").Identifiers,
			Unknown:   task("", "jumio_scan=eu:ref-9999").Identifiers,
			Narrow: &participantstest.Narrow{
				Items:   []events.Item{named("scans", "ref-0042"), named("authentications", "eu:ref-0043"), named("documents", "EU:ref-0042")},
				Foreign: named("scans", "ref-00421"),
				Held:    func(i events.Item) (bool, error) { return v.held(i), nil },
			},
			Items: func(ids []events.Identifier) (int64, error) { return v.items(ids), nil },
			Break: func() error {
				v.SetFaults(sandbox.Fault{Status: 404})
				return nil
			},
		}
	})
}

// items counts in the look-alike's own store.
func (v vendor) items(ids []events.Identifier) (n int64) {
	types := map[string]events.IdentifierType{"scans": "jumio_scan", "documents": "jumio_document", "authentications": "jumio_authentication"}
	for _, stored := range v.Stored() {
		for _, id := range ids {
			value := id.Value.Reveal()
			named := value == stored.Region+":"+stored.Reference || stored.Region == "eu" && value == stored.Reference
			if id.Type == types[stored.Kind] && named {
				n++
			}
		}
	}
	return n
}

func named(kind events.Kind, reference events.Private) events.Item {
	return events.Item{Participant: events.VerificationImages, Kind: kind, Reference: reference}
}

// held looks for an item by its bare reference: no two of the fixture share kind and
// reference in two regions.
func (v vendor) held(item events.Item) bool {
	_, bare, named := strings.Cut(item.Reference.Reveal(), ":")
	if !named {
		bare = item.Reference.Reveal()
	}
	return slices.ContainsFunc(v.Stored(), func(t sandbox.JumioTransaction) bool {
		return t.Kind == string(item.Kind) && t.Reference == bare
	})
}
