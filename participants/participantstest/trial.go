package participantstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// trial is one check on one participant.
type trial struct {
	ctx context.Context
	p   participants.Participant
	f   Fixture

	// What it lacks is nil.
	counter   participants.Counter
	resolver  participants.Resolver
	suspender participants.Suspender
	itemizer  participants.Itemizer

	// Of a running worker.
	remote *Remote
	wire   *wire
	proxy  *proxy
	alike  []lookAlike

	subject, neighbour share

	mu      sync.Mutex
	errs    []error // every error of the participant
	private []string
}

// share is what the system holds of a person at the beginning.
type share struct {
	ids   []events.Identifier
	items int64
	state string // of a participant that suspends
}

// begin checks that the fixture can fail.
func (t *trial) begin() error {
	t.know(t.f.Subject, t.f.Neighbour, t.f.Unknown)
	var errs [2]error
	t.subject, errs[0] = t.shareOf(t.f.Subject)
	t.neighbour, errs[1] = t.shareOf(t.f.Neighbour)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	if t.subject.items == 0 || t.neighbour.items == 0 {
		return fmt.Errorf("subject has %d items and neighbour %d: want some of both", t.subject.items, t.neighbour.items)
	}
	if t.itemizer != nil {
		return t.f.Narrow.fits(t.itemizer.ItemKinds())
	}
	return nil
}

// shareOf asks the system what it holds of a person.
func (t *trial) shareOf(ids []events.Identifier) (share, error) {
	s := share{ids: ids}
	var err error
	if s.items, err = t.f.Items(ids); err != nil || t.suspender == nil {
		return s, err
	}
	if t.f.State == nil {
		return s, errors.New("a participant that suspends needs State")
	}
	s.state, err = t.f.State(ids)
	return s, err
}

func (t *trial) know(lists ...[]events.Identifier) {
	for _, ids := range lists {
		for _, id := range ids {
			t.private = append(t.private, id.Value.Reveal())
		}
	}
}

// orchestrator grants steps on the subject.
func (t *trial) orchestrator() *Orchestrator {
	o := NewOrchestrator(t.f.Name, t.f.Subject...)
	o.Realm = t.realm()
	return o
}

func (t *trial) task(v events.Verb, ids []events.Identifier) participants.Task {
	return participants.Task{Saga: "saga-1", Verb: v, Round: 1, Attempt: 1, Realm: t.realm(), Identifiers: ids}
}

func (t *trial) realm() string { return cmp.Or(t.f.Realm, "example") }

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
		is, err := t.shareOf(was.ids)
		if err != nil {
			return err
		}
		if is.items != was.items {
			return fmt.Errorf("somebody who was not to be touched has %d items, had %d", is.items, was.items)
		}
		if is.state != was.state {
			return errors.New("something of somebody who was not to be touched has changed")
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
