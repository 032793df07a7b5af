package orchestrator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
)

// TestTwoMessagesOfOneStepHaveIDsOfTheirOwn: the bus would take the second for a repeat.
func TestTwoMessagesOfOneStepHaveIDsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		d := newDesk(t, oneShare(), func(c *Config) { c.Now = func() time.Time { return now } })
		id := d.request(events.Request{UserID: "ada"})
		d.commit(job{do: func(b *batch) error {
			for _, name := range []string{"one", "two"} {
				h := d.hold(name)
				h.Until = now.Add(time.Hour)
				b.out.Holds = append(b.out.Holds, h)
			}
			return nil
		}}, job{wake: &wake{saga: id}})
		d.flush()
		if n := len(d.state(id).Holds); n != 2 {
			t.Fatalf("%d holds", n)
		}
		now = now.Add(2 * time.Hour)
		d.commit(job{wake: &wake{saga: id}})
		ids := map[string]bool{}
		for m, err := range d.store.Outbox(t.Context()) {
			if err != nil || ids[m.MsgID] {
				t.Errorf("message %q again, %v", m.MsgID, err)
			}
			ids[m.MsgID] = true
		}
		if len(ids) < 2 {
			t.Errorf("%d messages", len(ids))
		}
	})
}
