package orchestrator

import (
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// TestWhatSurvivedBoundsWhatIsToldAgain notes a point for every ten messages and minute.
func TestWhatSurvivedBoundsWhatIsToldAgain(t *testing.T) {
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	minute := func(n int) time.Time { return made.Add(time.Duration(n) * time.Minute) }
	for name, c := range map[string]struct {
		now   bus.Mark
		lost  bool
		since time.Time
	}{
		"nothing is missing":     {bus.Mark{Incarnation: made, Sequence: 50}, false, time.Time{}},
		"others published, too":  {bus.Mark{Incarnation: made, Sequence: 60}, false, time.Time{}},
		"its tail is missing":    {bus.Mark{Incarnation: made, Sequence: 35}, true, minute(3)},
		"all of it":              {bus.Mark{Incarnation: made, Sequence: 0}, true, time.Time{}},
		"another one, as long":   {bus.Mark{Incarnation: made.Add(1), Sequence: 50}, true, time.Time{}},
		"up to a point, exactly": {bus.Mark{Incarnation: made, Sequence: 40}, true, minute(4)},
	} {
		m := newMarks()
		m.see(bus.Mark{Stream: events.StreamEvents, Incarnation: made})
		for i := 1; i <= 5; i++ {
			m.acked(events.StreamEvents, uint64(10*i))
			if _, err := m.point(uint64(i), minute(i)); err != nil {
				t.Fatal(err)
			}
		}
		c.now.Stream = events.StreamEvents
		if lost := m.see(c.now); lost != c.lost {
			t.Errorf("%s: lost %t", name, lost)
		}
		owed, _ := m.due()
		if c.lost != (owed.Events != nil) || c.lost && !owed.Events.Equal(c.since) {
			t.Errorf("%s: owed %v, want since %s", name, owed.Events, c.since)
		}
		if again := m.see(c.now); again {
			t.Errorf("%s: lost twice", name)
		}
	}
}

func TestMoreThatIsOwedIsNotSettledWithTheRest(t *testing.T) {
	m := newMarks()
	m.owe(debt{Doorbells: true})
	_, at := m.due()
	since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m.owe(debt{Events: &since})
	m.settle(at)
	if owed, _ := m.due(); owed.Events == nil {
		t.Error("what became owed while the rest was told is forgotten")
	}
}

func TestPointsAreBoundedAndOldOnesStay(t *testing.T) {
	m := newMarks()
	m.see(bus.Mark{Stream: events.StreamEvents})
	for i := range 1000 {
		m.acked(events.StreamEvents, uint64(i+1))
		if _, err := m.point(uint64(i), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(m.points); n > mostPoints || m.points[0].Sequence != 1 || m.points[n-1].Sequence != 1000 {
		t.Errorf("%d points, from %d to %d", n, m.points[0].Sequence, m.points[n-1].Sequence)
	}
}
