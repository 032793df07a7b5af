package participantstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// drawer is an item that can be named, and locked.
type drawer struct {
	owner, name string
	made        time.Time
	locked      bool
}

// cabinet is a store in memory that suspends and knows single items, and can be had with
// every defect that a check of these is for.
type cabinet struct {
	mu      sync.Mutex
	drawers []drawer
	broken  bool
	defect  string
	seen    []string // by the last who suspended; for the defect that goes by it
}

func (c *cabinet) ItemKinds() []events.Kind { return []events.Kind{"drawers"} }

// owned returns the places of a person's drawers that the task means.
func (c *cabinet) owned(ctx context.Context, t participants.Task) (in []int, left int64, err error) {
	if c.broken && c.defect != "blind" {
		return nil, 0, errDown
	}
	if c.broken || ctx.Err() != nil && c.defect != "never stops" {
		return nil, 0, ctx.Err()
	}
	for i, d := range c.drawers {
		mine := slices.Contains(t.Values(events.UserID), d.owner) || c.defect == "anybody's item" && len(t.Items) > 0
		named := len(t.Items) == 0 || c.defect == "takes an item for all" ||
			slices.ContainsFunc(t.Items, func(item events.Item) bool { return item.Reference.Reveal() == d.name })
		switch {
		case !mine || !named:
		case !t.CutOff.IsZero() && d.made.After(t.CutOff) && c.defect != "no cut-off":
			left++
		default:
			in = append(in, i)
		}
	}
	return in, left, nil
}

func (c *cabinet) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in, _, err := c.owned(ctx, t)
	return events.Counts{"drawers": int64(len(in))}, err
}

func (c *cabinet) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in, left, err := c.owned(ctx, t)
	if err != nil {
		return participants.Result{}, err
	}
	var n int64
	for _, i := range slices.Backward(in) {
		if c.drawers[i].locked && c.defect == "cannot erase what is locked" {
			continue
		}
		c.drawers = slices.Delete(c.drawers, i, i+1)
		n++
	}
	r := participants.Result{Verdict: events.Absent, Counts: events.Counts{"drawers": n}}
	if n > 0 {
		r.Verdict = events.Erased
	}
	if c.defect != "hides what it left" {
		r.Left = events.Counts{"drawers": left}
	}
	return r, nil
}

// Prepare says which drawers are open.
func (c *cabinet) Prepare(ctx context.Context, t participants.Task) (participants.Undo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in, _, err := c.owned(ctx, t)
	if err != nil || c.defect == "empty undo" {
		return "", err
	}
	open := []string{}
	for _, i := range in {
		if !c.drawers[i].locked {
			open = append(open, c.drawers[i].name)
		}
		c.drawers[i].locked = c.drawers[i].locked || c.defect == "suspends too early"
	}
	c.seen = open
	text, err := json.Marshal(open)
	return participants.Undo(text), err
}

func (c *cabinet) Suspend(ctx context.Context, t participants.Task, _ participants.Undo) (participants.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in, _, err := c.owned(ctx, t)
	if c.defect == "suspends everybody" {
		in = nil
		for i := range c.drawers {
			in = append(in, i)
		}
	}
	r := participants.Result{Verdict: events.Suspended, Counts: events.Counts{"drawers": int64(len(in))}}
	if len(in) == 0 {
		r.Verdict = events.Absent
	}
	for _, i := range in {
		c.drawers[i].locked = c.drawers[i].locked || c.defect != "suspends nothing"
	}
	return r, err
}

func (c *cabinet) Restore(ctx context.Context, t participants.Task, u participants.Undo) (participants.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in, _, err := c.owned(ctx, t)
	if err != nil {
		return participants.Result{}, err
	}
	var open []string
	if err := json.Unmarshal([]byte(u.Reveal()), &open); err != nil {
		return participants.Result{}, fmt.Errorf("cannot read %s", u.Reveal())
	}
	switch c.defect {
	case "goes by what it saw last":
		open = c.seen
	case "quotes the undo":
		return participants.Result{}, errors.New("cannot restore " + u.Reveal())
	case "resurrects":
		if len(in) == 0 && len(open) > 0 {
			c.drawers = append(c.drawers, drawer{owner: t.Values(events.UserID)[0], name: open[0]})
		}
	}
	for _, i := range in {
		if d := &c.drawers[i]; slices.Contains(open, d.name) || c.defect == "opens everything" {
			d.locked = false
		}
	}
	return participants.Result{Verdict: events.Restored}, nil
}

func newCabinet(defect string) (participants.Participant, Fixture) {
	cutOff := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	c := &cabinet{defect: defect, drawers: []drawer{
		{owner: "u-0042", name: "letters"}, {owner: "u-0042", name: "photographs", locked: true},
		{owner: "u-0042", name: "today", made: cutOff.Add(time.Second)}, {owner: "u-00421", name: "recipes"},
	}}
	ids := func(v events.Private) []events.Identifier {
		return []events.Identifier{{Type: events.UserID, Value: v}}
	}
	item := func(name events.Private) events.Item {
		return events.Item{Participant: "cabinet", Kind: "drawers", Reference: name}
	}
	has := func(want func(drawer) bool) (n int64) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, d := range c.drawers {
			if want(d) {
				n++
			}
		}
		return n
	}
	return c, Fixture{
		Name: "cabinet", Subject: ids("u-0042"), Neighbour: ids("u-00421"), Unknown: ids("u-9999"),
		Items: func(ids []events.Identifier) (int64, error) {
			return has(func(d drawer) bool { return d.owner == ids[0].Value.Reveal() }), nil
		},
		State: func(ids []events.Identifier) (string, error) {
			open := has(func(d drawer) bool { return d.owner == ids[0].Value.Reveal() && !d.locked })
			return fmt.Sprint(open, " open"), nil
		},
		Narrow: &Narrow{
			Items: []events.Item{item("letters")}, Foreign: item("recipes"), Later: item("today"), CutOff: cutOff,
			Held: func(i events.Item) (bool, error) {
				return has(func(d drawer) bool { return d.name == i.Reference.Reveal() }) > 0, nil
			},
		},
		Break: func() error { c.broken = true; return nil },
	}
}

func TestASoundParticipantThatSuspendsAndKnowsItemsPasses(t *testing.T) {
	Run(t, func(*testing.T) (participants.Participant, Fixture) { return newCabinet("") })
}

func TestEveryDefectOfSuspendAndOfItemsIsFound(t *testing.T) {
	for defect, by := range map[string][]string{
		"empty undo":                  {"suspends and brings back exactly what was", "acts on the first undo that was prepared"},
		"suspends too early":          {"suspends and brings back exactly what was", "suspends nothing when what it prepared is refused"},
		"suspends everybody":          {"suspends and brings back exactly what was", "suspends nothing for an unknown person"},
		"suspends nothing":            {"suspends and brings back exactly what was"},
		"opens everything":            {"suspends and brings back exactly what was", "suspends and restores as often as it is asked"},
		"goes by what it saw last":    {"acts on the first undo that was prepared"},
		"quotes the undo":             {"suspends and brings back exactly what was"},
		"cannot erase what is locked": {"erases what is suspended, and restores nothing of it"},
		"resurrects":                  {"erases what is suspended, and restores nothing of it"},
		"never stops":                 {"suspends and restores nothing once its context ended"},
		"blind":                       {"never takes blindness for something suspended"},
		"takes an item for all":       {"erases a named item and nothing else"},
		"anybody's item":              {"keeps a named item of somebody else"},
		"no cut-off":                  {"leaves what was created after the cut-off"},
		"hides what it left":          {"leaves what was created after the cut-off"},
	} {
		for _, c := range checks {
			p, f := newCabinet(defect)
			_, err := c.on(t.Context(), p, f)
			if slices.Contains(by, c.name) && err == nil {
				t.Errorf("%s: %q does not find it", defect, c.name)
			}
			if err != nil && strings.Contains(err.Error(), "u-0042") {
				t.Errorf("%s: the finding holds an identifier: %v", defect, err)
			}
		}
	}
}

func TestAFixtureThatLacksWhatSuspendAndItemsNeedIsAFault(t *testing.T) {
	for name, spoil := range map[string]func(*Fixture){
		"State":  func(f *Fixture) { f.State = nil },
		"Narrow": func(f *Fixture) { f.Narrow = nil },
		"Held":   func(f *Fixture) { f.Narrow.Held = nil },
		"kinds":  func(f *Fixture) { f.Narrow.Items = nil },
		"items":  func(f *Fixture) { f.Narrow.Foreign.Reference = "nothing" },
	} {
		p, f := newCabinet("")
		spoil(&f)
		if _, err := checks[0].on(t.Context(), p, f); err == nil {
			t.Errorf("a fixture without %s passes", name)
		}
	}
}

// TestTheOrchestratorKeepsTheFirstUndo for each saga, and hands it out.
func TestTheOrchestratorKeepsTheFirstUndo(t *testing.T) {
	o := NewOrchestrator("cabinet")
	report := func(saga string, u events.Private) events.Private {
		r, _ := o.received(events.Report{Saga: saga, Verb: events.Suspend, Verdict: events.Prepared, Undo: u}).(events.Receipt)
		return r.Undo
	}
	if a, b, c := report("1", "first"), report("1", "second"), report("2", "other"); a != "first" || b != "first" || c != "other" {
		t.Error("the receipt does not bring the first of its saga")
	}
	for verb, want := range map[events.Verb]events.Private{events.Suspend: "first", events.Restore: "first", events.Erase: ""} {
		if got := o.Permit(events.Claim{Saga: "1", Verb: verb}).Undo; got != want {
			t.Errorf("%s: the permit does not bring what counts", verb)
		}
	}
}
