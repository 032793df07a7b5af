package participantstest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Fixture is the system behind a participant, with people in it.
type Fixture struct {
	Name      string              // of the participant
	Server    string              // what the system is, for a scorecard: its product, or look-alike
	Realm     string              // of the people; empty: example
	Subject   []events.Identifier // somebody who has items; of the types that the participant needs
	Neighbour []events.Identifier // somebody else who has items and looks alike
	Unknown   []events.Identifier // nobody; well-formed

	// Items counts what the system holds of a person, by a way of its own and never through
	// the participant.
	Items func(ids []events.Identifier) (int64, error)

	// State describes what the system holds of a person and restore must bring back, in any
	// form in which two of them can be compared. What suspend ends for good, such as
	// sessions, is no part of it. Needed for a participant that suspends.
	State func(ids []events.Identifier) (string, error)

	// Narrow is needed for a participant that acts on single items.
	Narrow *Narrow

	// Break takes the participant's sight: the table is missing, the vendor is down, the
	// right is withdrawn. It lasts to the end of the test.
	Break func() error
}

// patience bounds one check.
const patience = time.Minute

// Run holds a participant to its contract. Each check gets a participant and a system of
// its own from newParticipant.
func Run(t *testing.T, newParticipant func(t *testing.T) (participants.Participant, Fixture)) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			p, f := newParticipant(t)
			t.Attr("participantstest.server", f.Server)
			t.Attr("participantstest.ability", c.ability())
			lacking, err := c.on(t.Context(), p, f)
			if lacking {
				t.Attr("participantstest.lacking", "true")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one part of the contract.
type check struct {
	name string
	run  func(*trial) error
	of   *ability // whom it is about; nil: everybody
}

// ability is something that not every participant can do.
type ability struct {
	name    string
	has     func(*trial) bool
	lacking string // what to tell of a running worker without it
}

var (
	suspends = &ability{
		"suspend", func(t *trial) bool { return t.suspender != nil },
		"its hello has no suspend and restore, or state was not given",
	}
	itemises = &ability{"items", func(t *trial) bool { return t.itemizer != nil }, "items"}

	// A running worker may be of a system whose sight cannot be taken. A participant must
	// show it, and the check says so.
	erasesBlind   = &ability{"erase", func(t *trial) bool { return t.remote == nil || t.f.Break != nil }, "break and mend were not given"}
	suspendsBlind = &ability{"suspend", func(t *trial) bool { return suspends.has(t) && erasesBlind.has(t) }, suspends.lacking + ", or no break and mend"}
)

// ability is the name of what a check is about, for a scorecard.
func (c check) ability() string {
	if c.of == nil {
		return "erase"
	}
	return c.of.name
}

var checks = []check{
	{"erases its share and nothing else", erasesItsShare, nil},
	{"erases once, however often it is asked", erasesOnce, nil},
	{"finds nothing after a crash between effect and report", survivesACrash, nil},
	{"is safe against itself", isSafeAgainstItself, nil},
	{"is absent for an unknown person", knowsNobody, nil},
	{"touches nothing for a hostile identifier", withstandsHostility, nil},
	{"touches nothing once its context ended", stopsInTime, nil},
	{"only reads when it counts and resolves", onlyReads, nil},
	{"never takes blindness for absence", admitsBlindness, erasesBlind},
	{"reports what the wire takes", speaksTheWire, nil},

	{"suspends and brings back exactly what was", suspendsAndRestores, suspends},
	{"suspends and restores as often as it is asked", repeatsSuspendAndRestore, suspends},
	{"acts on the first undo that was prepared", actsOnTheFirstUndo, suspends},
	{"suspends nothing when what it prepared is refused", waitsForTheReceipt, suspends},
	{"erases what is suspended, and restores nothing of it", erasesWhatIsSuspended, suspends},
	{"suspends nothing for an unknown person", suspendsNobody, suspends},
	{"suspends and restores nothing once its context ended", suspendsInTime, suspends},
	{"never takes blindness for something suspended", admitsBlindnessToSuspend, suspendsBlind},

	{"erases a named item and nothing else", erasesTheNamedItemOnly, itemises},
	{"keeps a named item of somebody else", keepsForeignItems, itemises},
	{"reports of a named item what the wire takes", speaksTheWireOfItems, itemises},
	{"leaves what was created after the cut-off", honoursTheCutOff, itemises},
}

// on runs a check on a participant; lacking: it is about an ability that this one does not have.
func (c check) on(ctx context.Context, p participants.Participant, f Fixture) (lacking bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t := &trial{ctx: ctx, p: p, f: f}
	t.counter, _ = p.(participants.Counter)
	t.resolver, _ = p.(participants.Resolver)
	t.suspender, _ = p.(participants.Suspender)
	t.itemizer, _ = p.(participants.Itemizer)
	if c.of != nil && !c.of.has(t) {
		return true, nil
	}
	if err := t.begin(); err != nil {
		return false, fmt.Errorf("fixture: %w", err)
	}
	return false, errors.Join(c.run(t), t.leaks())
}
