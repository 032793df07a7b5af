package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// inOneBatch calls every ask while a commit is held up, so that what they ask for is
// committed together, and returns the sagas of that batch.
func (r *rig) inOneBatch(asks ...func()) []storage.Change {
	r.t.Helper()
	held, release, together := make(chan struct{}), make(chan struct{}), make(chan []storage.Change, 1)
	var n atomic.Int32
	r.store.set(func(b storage.Batch) error {
		switch {
		case len(b.Sagas) == 0:
		case n.Add(1) == 1:
			close(held)
			<-release
		case n.Load() == 2:
			together <- b.Sagas
		}
		return nil
	})
	nc := r.connect("shop")
	if err := nc.PublishRequest(events.SubjectRequest("shop"), nc.NewInbox(), []byte(`{"user_id":"in-the-way"}`)); err != nil {
		r.t.Fatal(err)
	}
	<-held
	for _, ask := range asks {
		ask()
	}
	close(release)
	defer r.store.set(nil)
	select {
	case sagas := <-together:
		return sagas
	case <-time.After(10 * time.Second):
		r.t.Fatal("no second batch")
		return nil
	}
}

// put sends a request without waiting for its answer, which comes to the channel. It is in
// the writer's queue when put returns.
func (r *rig) put(source, subject, body string) <-chan events.Payload {
	r.t.Helper()
	nc := r.connect(source)
	inbox, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		r.t.Fatal(err)
	}
	if err := nc.PublishRequest(subject, inbox.Subject, []byte(body)); err != nil {
		r.t.Fatal(err)
	}
	out := make(chan events.Payload, 1)
	go func() {
		m, err := inbox.NextMsg(10 * time.Second)
		if err != nil {
			r.t.Errorf("%s: %v", subject, err)
			close(out)
			return
		}
		_, p, err := events.DecodeAny(events.Header(m.Header), m.Data)
		if err != nil {
			r.t.Errorf("%s: %v", subject, err)
		}
		out <- p
	}()
	// What cannot be decoded is answered at once, by who took the message before it.
	if _, err := nc.Request(subject, []byte("{"), 5*time.Second); err != nil {
		r.t.Fatal(err)
	}
	return out
}

func TestTwoRequestsForOnePersonInOneBatchAreOneSaga(t *testing.T) {
	r := newRig(t, twoShares())
	var answers []<-chan events.Payload
	ask := func(source, body string) func() {
		return func() { answers = append(answers, r.put(source, events.SubjectRequest(source), body)) }
	}
	sagas := r.inOneBatch(
		ask("billing", `{"user_id":"u-1"}`), ask("billing", `{"user_id":"u-1"}`), ask("shop", `{"user_id":"u-1"}`),
		ask("billing", `{"user_id":"u-2","idempotency_key":"k"}`), ask("billing", `{"user_id":"u-2","idempotency_key":"k"}`))
	if len(sagas) != 2 {
		t.Errorf("%d sagas for two persons", len(sagas))
	}
	var got []events.Acceptance
	for _, c := range answers {
		a, ok := (<-c).(events.Acceptance)
		if !ok {
			t.Fatal("not accepted")
		}
		got = append(got, a)
	}
	for i, want := range []struct {
		like   int
		joined bool
	}{{0, false}, {0, true}, {0, true}, {3, false}, {3, true}} {
		if got[i].Saga != got[want.like].Saga || got[i].Joined != want.joined {
			t.Errorf("answer %d: %+v", i, got[i])
		}
	}
	if got[1].Request != got[0].Request || got[2].Request == got[0].Request {
		t.Errorf("requests %s %s %s: the second is the first again, the third is another source's", got[0].Request, got[1].Request, got[2].Request)
	}
}

func TestAClaimAndACancelInOneBatchSeeEachOther(t *testing.T) {
	r := newRig(t, twoShares())
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	claim := fmt.Sprintf(`{"saga":%q,"verb":"resolve","round":1,"instance":"w","time":"2026-01-01T00:00:00Z"}`, a.Saga)
	var before, cancelled, after, anew <-chan events.Payload
	sagas := r.inOneBatch(
		func() { before = r.put(events.Account, events.SubjectClaim(events.Account, "0"), claim) },
		func() {
			cancelled = r.put("billing", events.SubjectCancel("billing"), fmt.Sprintf(`{"request":%q}`, a.Request))
		},
		func() { after = r.put(events.Account, events.SubjectClaim(events.Account, "0"), claim) },
		func() { anew = r.put("billing", events.SubjectRequest("billing"), `{"user_id":"`+person+`"}`) })
	if p, ok := (<-before).(events.Permit); !ok {
		t.Errorf("claim before the cancel: %+v", p)
	}
	if st, ok := (<-cancelled).(events.Cancellation); !ok || st.Result != events.CancelledSaga || !st.Replicated {
		t.Errorf("cancel: %+v", st)
	}
	if p, ok := (<-after).(events.Refusal); !ok || p.Reason != events.RefusedEnded {
		t.Errorf("claim after the cancel: %+v", p)
	}
	next, ok := (<-anew).(events.Acceptance)
	if !ok || next.Saga == a.Saga || next.Joined || len(sagas) != 2 {
		t.Errorf("request after the cancel: %+v, %d sagas", next, len(sagas))
	}
	if sum, _ := r.await(w, a.Saga); sum.State != events.Cancelled {
		t.Errorf("ended %s", sum.State)
	}
	eventually(t, "rid of the data key of the one", func() bool { return !r.vault.Has(saga.ID(a.Saga)) }) // the summary is out before
	if !r.vault.Has(saga.ID(next.Saga)) {
		t.Error("the data key of the other must be there")
	}
}

// dying is a store whose process dies around its n-th commit of a saga.
type dying struct {
	storage.Store
	at    int32
	after bool // the commit is on the disk, and nobody was told
	n     atomic.Int32
}

var errDied = errors.New("the process died")

func (d *dying) Commit(ctx context.Context, b storage.Batch) error {
	dies := len(b.Sagas) > 0 && d.n.Add(1) == d.at
	if dies && !d.after {
		return errDied
	}
	if err := d.Store.Commit(ctx, b); err != nil {
		return err
	}
	if dies {
		return errDied
	}
	return nil
}

// TestADeathAroundAnyCommitLosesNothing ends the orchestrator before or after each of the
// commits of an erasure, and starts it again on what is on the disk.
func TestADeathAroundAnyCommitLosesNothing(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := int32(1); at <= 11; at++ { // the fewest that an erasure of two shares takes
			t.Run(fmt.Sprintf("after=%v/%d", after, at), func(t *testing.T) {
				t.Parallel()
				dieOnce(t, at, after)
			})
		}
	}
}

func dieOnce(t *testing.T, at int32, after bool) {
	r := newRig(t, twoShares())
	r.stop()
	disk := r.store.Store
	r.store.Store = &dying{Store: disk, at: at, after: after}
	r.start()
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	c, w := r.client("billing")
	died := make(chan struct{})
	go func(ended chan error) {
		defer close(died)
		if err := <-ended; !errors.Is(err, errDied) {
			t.Errorf("run: %v", err)
		}
	}(r.ended)
	ask := events.Request{UserID: person, IdempotencyKey: "once"}
	short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	a, err := c.Request(short, ask)
	<-died
	r.stop = func() {}
	r.store.Store = disk
	r.start()
	if err != nil { // not answered: the source asks again
		if a, err = c.Request(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
	}
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
		t.Errorf("ended %s", sum.State)
	}
	for _, s := range []*shelf{account, idp} {
		if left, deleted := s.total(person); left != 0 || deleted == 0 {
			t.Errorf("%s: %d left, %d deleted", s.name, left, deleted)
		}
	}
	eventually(t, "key destroyed", func() bool { return !r.vault.Has(saga.ID(a.Saga)) })
}
