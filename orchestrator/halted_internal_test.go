package orchestrator

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// shut is a store whose boxes cannot be read.
type shut struct {
	storage.Store
	is bool
}

func (s *shut) Vault(ctx context.Context, id saga.ID) ([]byte, error) {
	if s.is {
		return nil, errHalf
	}
	return s.Store.Vault(ctx, id)
}

// TestAHaltedSagaGoesOnWhenItsBoxIsReadAgain, also when nothing of it is left to be claimed.
func TestAHaltedSagaGoesOnWhenItsBoxIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, oneShare())
		store := &shut{Store: d.store}
		d.o.cfg.Store = store
		id := d.request(events.Request{UserID: "ada"})
		p := d.permit(id, events.Resolve)
		store.is = true
		d.commit(d.claim(id, events.Resolve)) // by the same worker, which was restarted
		r := resolved
		r.Saga, r.Verb, r.Round, r.Permit = string(id), events.Resolve, p.Round, p.Permit
		d.commit(job{report: &report{participant: "account", report: r}})
		d.commit(job{wake: &wake{saga: id}})
		if s := d.state(id); s.Halted == "" || s.Share("account").Resolve.Status != saga.Reported {
			t.Fatalf("halted %q, resolve %s", s.Halted, s.Share("account").Resolve.Status)
		}
		store.is = false
		d.commit(job{wake: &wake{saga: id}})
		if s := d.state(id); s.Halted != "" || s.Phase != saga.Erasing {
			t.Errorf("in %s, halted: %q", s.Phase, s.Halted)
		}
	})
}
