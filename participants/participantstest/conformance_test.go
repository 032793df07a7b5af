package participantstest

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a store in memory that can be had with every defect that a check is for.
type shelf struct {
	mu     sync.Mutex
	items  map[string]int64 // by user id
	broken bool
	defect string
}

var errDown = errors.New("the shelf is down")

func (s *shelf) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.trouble(ctx, t); err != nil {
		return participants.Result{}, err
	}
	var n int64
	for _, id := range s.keys(t) {
		n += s.items[id]
		if s.defect != "keeps" {
			delete(s.items, id)
		}
	}
	switch {
	case n == 0 && s.defect == "always says erased":
		return participants.Result{Verdict: events.Erased}, nil
	case n == 0:
		return participants.Result{Verdict: events.Absent}, nil
	case s.defect == "constant count":
		n = 1
	}
	return participants.Result{Verdict: events.Erased, Counts: events.Counts{"items": n}}, nil
}

func (s *shelf) Count(ctx context.Context, t participants.Task) (events.Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.trouble(ctx, t); err != nil {
		return nil, err
	}
	var n int64
	for _, id := range s.keys(t) {
		n += s.items[id]
	}
	switch s.defect {
	case "keeps":
		n = 0
	case "count deletes":
		maps.DeleteFunc(s.items, func(id string, _ int64) bool { return id == "u-0042" })
	case "malformed kind":
		return events.Counts{"Items!": n}, nil
	}
	return events.Counts{"items": n}, nil
}

func (s *shelf) trouble(ctx context.Context, t participants.Task) error {
	switch {
	case s.broken && s.defect == "blind":
		s.items = map[string]int64{}
	case s.broken && s.defect == "leaks":
		return errors.New("no row for " + t.Values(events.UserID)[0])
	case s.broken:
		return errDown
	case s.defect == "never stops":
		return nil
	}
	return ctx.Err()
}

func (s *shelf) keys(t participants.Task) (out []string) {
	for _, v := range t.Values(events.UserID) {
		for id := range s.items {
			pattern := s.defect == "patterns" && v == "*"
			prefix := s.defect == "prefixes" && strings.HasPrefix(id, v)
			if id == v || pattern || prefix {
				out = append(out, id)
			}
		}
	}
	return out
}

func newShelf(defect string) (participants.Participant, Fixture) {
	s := &shelf{items: map[string]int64{"u-0042": 3, "u-00421": 2, "u-0043": 1}, defect: defect}
	ids := func(v events.Private) []events.Identifier {
		return []events.Identifier{{Type: events.UserID, Value: v}}
	}
	return s, Fixture{
		Name:      "shelf",
		Subject:   ids("u-0042"),
		Neighbour: ids("u-00421"),
		Unknown:   ids("u-9999"),
		Items: func(ids []events.Identifier) (int64, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.items[ids[0].Value.Reveal()], nil
		},
		Break: func() error { s.broken = true; return nil },
	}
}

func TestASoundParticipantPasses(t *testing.T) {
	Run(t, func(*testing.T) (participants.Participant, Fixture) { return newShelf("") })
}

func TestAParticipantThatOnlyErasesPasses(t *testing.T) {
	Run(t, func(*testing.T) (participants.Participant, Fixture) {
		p, f := newShelf("")
		return struct{ participants.Participant }{p}, f
	})
}

func TestEveryDefectIsFound(t *testing.T) {
	for defect, by := range map[string][]string{
		"keeps":              {"erases its share and nothing else", "erases once, however often it is asked", "finds nothing after a crash between effect and report"},
		"constant count":     {"erases its share and nothing else", "is safe against itself"},
		"always says erased": {"erases once, however often it is asked", "is absent for an unknown person", "finds nothing after a crash between effect and report"},
		"prefixes":           {"erases its share and nothing else"},
		"patterns":           {"touches nothing for a hostile identifier"},
		"never stops":        {"touches nothing once its context ended"},
		"count deletes":      {"only reads when it counts and resolves"},
		"blind":              {"never takes blindness for absence"},
		"leaks":              {"never takes blindness for absence"},
		"malformed kind":     {"reports what the wire takes"},
	} {
		for _, c := range checks {
			p, f := newShelf(defect)
			_, err := c.on(t.Context(), p, f)
			for _, name := range by {
				if c.name == name && err == nil {
					t.Errorf("%s: %q does not find it", defect, c.name)
				}
			}
			if err != nil && strings.Contains(err.Error(), "u-0042") {
				t.Errorf("%s: the finding holds an identifier: %v", defect, err)
			}
		}
	}
}

func TestAFixtureThatCannotFailIsAFault(t *testing.T) {
	p, f := newShelf("")
	f.Subject = f.Unknown
	if _, err := checks[0].on(t.Context(), p, f); err == nil {
		t.Error("a subject without items passes")
	}
	p, f = newShelf("")
	f.Break = nil
	for _, c := range checks {
		if _, err := c.on(t.Context(), p, f); c.name == "never takes blindness for absence" && err == nil {
			t.Error("a fixture without Break passes")
		}
	}
}
