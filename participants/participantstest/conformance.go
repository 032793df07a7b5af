package participantstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Fixture is the system behind a participant, with people in it.
type Fixture struct {
	Name      string              // of the participant
	Realm     string              // of the people; empty: example
	Subject   []events.Identifier // somebody who has items; of the types that the participant needs
	Neighbour []events.Identifier // somebody else who has items and looks alike
	Unknown   []events.Identifier // nobody; well-formed

	// Items counts what the system holds of a person, by a way of its own and never through
	// the participant.
	Items func(ids []events.Identifier) (int64, error)

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
			if err := c.on(t.Context(), p, f); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one part of the contract.
type check struct {
	name string
	run  func(*trial) error
}

var checks = []check{
	{"erases its share and nothing else", erasesItsShare},
	{"erases once, however often it is asked", erasesOnce},
	{"finds nothing after a crash between effect and report", survivesACrash},
	{"is safe against itself", isSafeAgainstItself},
	{"is absent for an unknown person", knowsNobody},
	{"touches nothing for a hostile identifier", withstandsHostility},
	{"touches nothing once its context ended", stopsInTime},
	{"only reads when it counts and resolves", onlyReads},
	{"never takes blindness for absence", admitsBlindness},
	{"reports what the wire takes", speaksTheWire},
}

func (c check) on(ctx context.Context, p participants.Participant, f Fixture) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t := &trial{ctx: ctx, p: p, f: f}
	t.counter, _ = p.(participants.Counter)
	t.resolver, _ = p.(participants.Resolver)
	if err := t.begin(); err != nil {
		return fmt.Errorf("fixture: %w", err)
	}
	return errors.Join(c.run(t), t.leaks())
}

// trial is one check on one participant.
type trial struct {
	ctx      context.Context
	p        participants.Participant
	counter  participants.Counter  // nil: cannot count
	resolver participants.Resolver // nil: cannot resolve
	f        Fixture

	subject, neighbour share

	mu      sync.Mutex
	errs    []error // every error of the participant
	private []string
}

// share is what the system holds of a person at the beginning.
type share struct {
	ids   []events.Identifier
	items int64
}

// begin checks that the fixture can fail.
func (t *trial) begin() error {
	t.know(t.f.Subject, t.f.Neighbour, t.f.Unknown)
	subject, err := t.f.Items(t.f.Subject)
	if err != nil {
		return err
	}
	neighbour, err := t.f.Items(t.f.Neighbour)
	if err != nil {
		return err
	}
	if subject == 0 || neighbour == 0 {
		return fmt.Errorf("subject has %d items and neighbour %d: want some of both", subject, neighbour)
	}
	t.subject, t.neighbour = share{t.f.Subject, subject}, share{t.f.Neighbour, neighbour}
	return nil
}

func (t *trial) know(lists ...[]events.Identifier) {
	for _, ids := range lists {
		for _, id := range ids {
			t.private = append(t.private, id.Value.Reveal())
		}
	}
}

func (t *trial) task(v events.Verb, ids []events.Identifier) participants.Task {
	realm := t.f.Realm
	if realm == "" {
		realm = "example"
	}
	return participants.Task{Saga: "saga-1", Verb: v, Round: 1, Attempt: 1, Realm: realm, Identifiers: ids}
}

func (t *trial) erase(ids []events.Identifier) (participants.Result, error) {
	return t.eraseUnder(t.ctx, t.task(events.Erase, ids))
}

func (t *trial) eraseUnder(ctx context.Context, task participants.Task) (participants.Result, error) {
	r, err := t.p.Erase(ctx, task)
	t.noteError(err)
	return r, err
}

// count returns no counts from a participant that cannot count.
func (t *trial) count(ids []events.Identifier) (events.Counts, error) {
	if t.counter == nil {
		return nil, nil
	}
	c, err := t.counter.Count(t.ctx, t.task(events.Verify, ids))
	t.noteError(err)
	return c, err
}

func (t *trial) resolve(ids []events.Identifier) ([]events.Identifier, error) {
	if t.resolver == nil {
		return nil, nil
	}
	found, err := t.resolver.Resolve(t.ctx, t.task(events.Resolve, ids))
	t.noteError(err)
	return found, err
}

func (t *trial) noteError(err error) {
	if err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.errs = append(t.errs, err)
	}
}

// shortest is the length from which an identifier is looked for in errors; a shorter one
// would be found anywhere.
const shortest = 6

// leaks says whether an error of the participant held an identifier.
func (t *trial) leaks() error {
	for _, err := range t.errs {
		for _, value := range t.private {
			if len(value) >= shortest && strings.Contains(strings.ToLower(err.Error()), strings.ToLower(value)) {
				return fmt.Errorf("an error of type %T holds an identifier", err)
			}
		}
	}
	return nil
}

// untouched says whether somebody has lost or won anything.
func (t *trial) untouched(shares ...share) error {
	for _, was := range shares {
		items, err := t.f.Items(was.ids)
		if err != nil {
			return err
		}
		if items != was.items {
			return fmt.Errorf("somebody who was not to be touched has %d items, had %d", items, was.items)
		}
	}
	return nil
}

// gone says whether nothing is left of the subject, by the fixture's count and by the
// participant's.
func (t *trial) gone() error {
	left, err := t.f.Items(t.f.Subject)
	if err != nil {
		return err
	}
	counts, err := t.count(t.f.Subject)
	if err != nil {
		return fmt.Errorf("count after erase: %w", err)
	}
	if left != 0 || counts.Total() != 0 {
		return fmt.Errorf("the system still holds %d items; the participant counts %d", left, counts.Total())
	}
	return nil
}

// nothing says whether a result is an honest absence.
func nothing(r participants.Result, err error) error {
	if err != nil || r.Verdict != events.Absent || r.Counts.Total() != 0 {
		return fmt.Errorf("erase: verdict %q with %d items, error %w: want absent", r.Verdict, r.Counts.Total(), orNone(err))
	}
	return nil
}

var errNone = errors.New("none")

func orNone(err error) error {
	if err == nil {
		return errNone
	}
	return err
}

func sameCounts(a, b events.Counts) bool {
	zero := func(_ events.Kind, n int64) bool { return n == 0 }
	a, b = maps.Clone(a), maps.Clone(b)
	maps.DeleteFunc(a, zero)
	maps.DeleteFunc(b, zero)
	return maps.Equal(a, b)
}
