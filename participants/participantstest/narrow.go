package participantstest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Narrow is what single items are tried with.
type Narrow struct {
	Items   []events.Item // of the subject, one of each kind that can be named
	Foreign events.Item   // of the neighbour

	// Later is an item of the subject that was created after CutOff, as none of Items was.
	// Both are left out where the system does not tell when an item was created.
	Later  events.Item
	CutOff time.Time

	// Held says whether the system holds an item, by a way of its own.
	Held func(events.Item) (bool, error)
}

// fits says whether the fixture has an item of each kind that can be named, and holds all.
func (n *Narrow) fits(kinds []events.Kind) error {
	if n == nil || n.Held == nil {
		return errors.New("a participant that acts on single items needs Narrow")
	}
	for _, kind := range kinds {
		if !slices.ContainsFunc(n.Items, func(i events.Item) bool { return i.Kind == kind }) {
			return fmt.Errorf("narrow: no item of kind %s", kind)
		}
	}
	for _, item := range append(slices.Clone(n.Items), n.Foreign) {
		if held, err := n.Held(item); err != nil || !held {
			return fmt.Errorf("narrow: an item of kind %s that the system does not hold, error %w", item.Kind, orNone(err))
		}
	}
	return nil
}

func (t *trial) narrowTask(v events.Verb, baseline events.Counts, items ...events.Item) participants.Task {
	task := t.task(v, t.f.Subject)
	task.Items, task.CutOff, task.Baseline = items, t.f.Narrow.CutOff, baseline
	return task
}

// counted counts what a narrow task leads to; the number is 0 from one that cannot count.
func (t *trial) counted(task participants.Task) (events.Counts, error) {
	if t.counter == nil {
		return nil, nil
	}
	c, err := t.counter.Count(t.ctx, task)
	t.noteError(err)
	return c, err
}

func erasesTheNamedItemOnly(t *trial) error {
	left := t.subject.items
	for _, item := range t.f.Narrow.Items {
		if err := t.erasesNamed(item); err != nil {
			return fmt.Errorf("kind %s: %w", item.Kind, err)
		}
		left--
		now, err := t.f.Items(t.f.Subject)
		if err != nil {
			return err
		}
		if now != left {
			return fmt.Errorf("kind %s: the subject has %d items after one was erased, want %d", item.Kind, now, left)
		}
	}
	return t.untouched(t.neighbour)
}

// erasesNamed erases one item, and then once more.
func (t *trial) erasesNamed(item events.Item) error {
	baseline, err := t.counted(t.narrowTask(events.Resolve, nil, item))
	if err != nil || t.counter != nil && (baseline.Total() != 1 || baseline[item.Kind] != 1) {
		return fmt.Errorf("count: %v, error %w: want the one item", baseline, orNone(err))
	}
	r, err := t.eraseUnder(t.ctx, t.narrowTask(events.Erase, baseline, item))
	if err != nil || !slices.Contains(effects, r.Verdict) || r.Counts.Total() != 1 || r.Counts[item.Kind] != 1 {
		return fmt.Errorf("erase: verdict %q of %v, error %w: want the one item", r.Verdict, r.Counts, orNone(err))
	}
	if held, err := t.f.Narrow.Held(item); err != nil || held {
		return fmt.Errorf("erase: the item is still there, error %w", orNone(err))
	}
	if left, err := t.counted(t.narrowTask(events.Verify, baseline, item)); err != nil || left.Total() > 0 {
		return fmt.Errorf("count after erase: %v, error %w", left, orNone(err))
	}
	return nothing(t.eraseUnder(t.ctx, t.narrowTask(events.Erase, baseline, item)))
}

// keepsForeignItems names an item of somebody else. An error is an answer, an effect is not.
func keepsForeignItems(t *trial) error {
	r, err := t.eraseUnder(t.ctx, t.narrowTask(events.Erase, nil, t.f.Narrow.Foreign))
	if err == nil && r.Counts.Total() > 0 {
		return fmt.Errorf("erase: verdict %q of %v for an item of somebody else", r.Verdict, r.Counts)
	}
	return t.untouched(t.subject, t.neighbour)
}

func honoursTheCutOff(t *trial) error {
	later := t.f.Narrow.Later
	if later.Reference == "" {
		return nil
	}
	for name, task := range map[string]participants.Task{
		"named":           t.narrowTask(events.Erase, nil, later),
		"the whole share": t.narrowTask(events.Erase, nil),
	} {
		r, err := t.eraseUnder(t.ctx, task)
		if err != nil || r.Left.Total() != 1 || r.Left[later.Kind] != 1 {
			return fmt.Errorf("%s: erase: left %v, error %w: want the one item that was created later", name, r.Left, orNone(err))
		}
		if held, err := t.f.Narrow.Held(later); err != nil || !held {
			return fmt.Errorf("%s: erase: the item that was created later is gone, error %w", name, orNone(err))
		}
		if left, err := t.counted(task); err != nil || left.Total() > 0 {
			return fmt.Errorf("%s: count: %v, error %w: want nothing of what was created later", name, left, orNone(err))
		}
	}
	return t.untouched(t.neighbour)
}
