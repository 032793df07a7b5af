package orchestrator

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/expunge-io/expunge/events"
)

// TestADecisionIsLoggedOnceItCounts, not when the disk took nothing of it.
func TestADecisionIsLoggedOnceItCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := newDesk(t, oneShare(), func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		id := d.request(events.Request{UserID: "ada"})
		decide := func() {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = d.o.Operate(t.Context(), events.Operation{Verb: events.OpCancel, Saga: string(id), By: "ada", Ground: "a mistake"})
			}()
			if err := d.o.commit(t.Context(), []job{<-d.o.jobs}); err != nil {
				t.Fatal(err)
			}
			d.publish()
			<-done
		}
		for _, want := range []int{0, 1} {
			d.store.Drain()
			if want == 0 {
				d.store.Fill()
			}
			decide()
			if n := strings.Count(log.String(), "an operator decided"); n != want {
				t.Errorf("logged %d times, want %d", n, want)
			}
		}
	})
}
