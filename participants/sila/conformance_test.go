package sila_test

import (
	"slices"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
	"github.com/expunge-io/expunge/participants/sandbox"
	"github.com/expunge-io/expunge/participants/sila"
)

func TestConformanceWithOAuth2(t *testing.T) {
	participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
		v := startCrowd(t)
		return v.p, v.fixture("OAuth2")
	})
}

func TestConformanceWithSignatures(t *testing.T) {
	participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
		v := startCrowd(t)
		return connect(t, signing(v.url, userKey)), v.fixture("signatures")
	})
}

func TestConformanceWithAKeyOfThePersons(t *testing.T) {
	participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
		v := startCrowd(t)
		f := v.fixture("a key of the person's")
		for _, ids := range []*[]events.Identifier{&f.Subject, &f.Neighbour, &f.Unknown} {
			*ids = append(*ids, events.Identifier{Type: sila.Key, Value: userKey})
		}
		return connect(t, signing(v.url, "")), f
	})
}

func startCrowd(t *testing.T) vendor {
	t.Helper()
	later := data("phones", 9)
	later.Added = then.Add(time.Hour)
	subject := full("mia-0042", 1)
	subject.Data = append(subject.Data, later)
	return startVendor(t, subject, full("mia-00421", 101))
}

func (v vendor) fixture(signed string) participantstest.Fixture {
	return participantstest.Fixture{
		Server:    "look-alike, " + signed,
		Name:      events.RegistrationData,
		Subject:   task("", "sila_handle=mia-0042").Identifiers,
		Neighbour: task("", "sila_handle=mia-00421").Identifiers,
		Unknown:   task("", "sila_handle=nobody-0042").Identifiers,
		Narrow: &participantstest.Narrow{
			Items:   []events.Item{named("emails", id(1)), named("phones", id(3)), named("addresses", id(4)), named("identities", id(5))},
			Foreign: named("emails", id(101)),
			Later:   named("phones", id(9)),
			CutOff:  then.Add(time.Minute),
			Held:    func(i events.Item) (bool, error) { return v.held(i), nil },
		},
		Items: func(ids []events.Identifier) (n int64, err error) {
			for _, i := range ids {
				if i.Type == sila.Handle {
					n += int64(v.left(i.Value.Reveal()))
				}
			}
			return n, nil
		},
		Break: func() error {
			v.SetFaults(sandbox.Fault{Status: 404})
			return nil
		},
	}
}

func named(kind events.Kind, reference string) events.Item {
	return events.Item{Participant: events.RegistrationData, Kind: kind, Reference: events.Private(reference)}
}

func (v vendor) held(item events.Item) bool {
	return slices.ContainsFunc(v.Stored(), func(e sandbox.SilaEntity) bool {
		return slices.ContainsFunc(e.Data, func(d sandbox.SilaItem) bool {
			return d.Kind == string(item.Kind) && d.UUID == item.Reference.Reveal()
		})
	})
}
