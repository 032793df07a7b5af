package orchestrator

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// TestAKeyThatWasUsedForAnotherRequestIsTheAskersFault at the HTTP door as well.
func TestAKeyThatWasUsedForAnotherRequestIsTheAskersFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		d.request(events.Request{UserID: "ada", IdempotencyKey: "k"})
		got := make(chan error, 1)
		go func() {
			_, err := d.o.Submit(t.Context(), "billing", events.Request{UserID: "bob", IdempotencyKey: "k"})
			got <- err
		}()
		if err := d.o.commit(t.Context(), []job{<-d.o.jobs}); err != nil {
			t.Fatal(err)
		}
		err := <-got
		if bad, ok := errors.AsType[*bus.ProblemError](err); !ok || bad.Problem.Field != "idempotency_key" {
			t.Errorf("answer: %v", err)
		}
	})
}
