package orchestrator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// twoShares is a plan in which the account knows what the identity provider needs.
func twoShares() saga.Plan {
	return saga.Plan{Name: "all", BackoffFirst: 20 * time.Millisecond, Attempts: 3, Participants: []saga.Spec{
		{Name: events.Account, After: []string{events.IdentityProvider}, Yields: []string{"email"}},
		{Name: events.IdentityProvider, Needs: []string{"email"}},
	}}
}

const (
	person = "u-canary-0042"
	mail   = "canary.0042@example.com"
)

func shelves() (account, idp *shelf) {
	account = newShelf(events.Account, "accounts", map[string]int64{person: 1, "u-canary-00420": 1})
	account.yield = func(string) []events.Identifier {
		return []events.Identifier{{Type: "email", Value: mail}}
	}
	idp = newShelf(events.IdentityProvider, "identities", map[string]int64{person: 2, "u-canary-00420": 1})
	return account, idp
}

func TestAnErasureCompletesAndItsSummaryIsTrue(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person, CorrelationID: "c-1"})
	if err != nil {
		t.Fatal(err)
	}
	sum, raw := r.await(w, a.Saga)
	if sum.State != events.Completed || len(sum.Participants) != 2 || len(sum.Exceptions) != 0 {
		t.Errorf("summary: %+v", sum)
	}
	for _, s := range []*shelf{account, idp} {
		if left, deleted := s.total(person); left != 0 || deleted == 0 {
			t.Errorf("%s: %d left, %d deleted", s.name, left, deleted)
		}
		if left, _ := s.total("u-canary-00420"); left == 0 {
			t.Errorf("%s: the neighbour is gone", s.name)
		}
	}
	stored, err := r.orch.Summary(t.Context(), "billing", a.Saga)
	if err != nil || !bytes.Equal(stored, raw) {
		t.Errorf("published and stored summary differ: %v\n%s\n%s", err, raw, stored)
	}
	if _, err := r.orch.Status(t.Context(), "shop", a.Saga); !isProblem(err, events.CodeUnknown) {
		t.Errorf("another source sees it: %v", err)
	}
}

func isProblem(err error, code string) bool {
	var p *bus.ProblemError
	return errors.As(err, &p) && p.Problem.Code == code
}

func TestAPermitCarriesWhatItsParticipantNeedsAndNoMore(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	r.await(w, a.Saga)
	for _, p := range account.permits {
		if want := 1 + min(slices.Index([]events.Verb{events.Resolve, events.Erase, events.Verify}, p.Verb), 1); len(p.Identifiers) != want {
			t.Errorf("account got %d identifiers at %s, want user_id and, once resolved, what it yielded", len(p.Identifiers), p.Verb)
		}
	}
	for _, p := range idp.permits {
		if len(p.Identifiers) != 2 || p.Identifiers[1].Value.Reveal() != mail || p.Realm != "main" {
			t.Errorf("identity provider got %d identifiers in realm %q", len(p.Identifiers), p.Realm)
		}
	}
}

func TestTheSameRequestIsTheSameSaga(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := shelves()
	c, w := r.client("billing")
	first, err := c.Request(t.Context(), events.Request{UserID: person, IdempotencyKey: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]events.Request{"while it runs": {UserID: person}, "with the key": {UserID: person, IdempotencyKey: "k1"}} {
		again, err := c.Request(t.Context(), q)
		if err != nil || again.Saga != first.Saga || !again.Joined {
			t.Errorf("%s: %+v, %v; want %s", name, again, err, first.Saga)
		}
	}
	r.serve(account)
	r.serve(idp)
	r.await(w, first.Saga)
	after, err := c.Request(t.Context(), events.Request{UserID: person, IdempotencyKey: "k1"})
	if err != nil || after.Saga != first.Saga || after.State != events.Completed {
		t.Errorf("with the key, after the end: %+v, %v", after, err)
	}
	next, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil || next.Saga == first.Saga {
		t.Fatalf("without a key, after the end: %+v, %v", next, err)
	}
	if sum, _ := r.await(w, next.Saga); sum.State != events.NotFound {
		t.Errorf("the second erasure of nobody ends %s", sum.State)
	}
}

func TestManyAskAtOnceAndOneSagaServesThem(t *testing.T) {
	r := newRig(t, twoShares())
	c, _ := r.client("billing")
	var mu sync.Mutex
	ids := map[string]bool{}
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			a, err := c.Request(t.Context(), events.Request{UserID: person})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[a.Saga] = true
		})
	}
	all.Wait()
	if len(ids) != 1 {
		t.Errorf("%d sagas for one person", len(ids))
	}
}

func TestPlainJSONIsTaken(t *testing.T) {
	r := newRig(t, twoShares())
	nc := r.connect("billing")
	m, err := nc.Request("erasure.request.billing", []byte(`{"user_id":"`+person+`"}`), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var a struct{ Saga, State string }
	if err := json.Unmarshal(m.Data, &a); err != nil || a.Saga == "" || a.State != "resolving" {
		t.Errorf("answer %s: %v", m.Data, err)
	}
}

func TestBadRequestsNameTheFieldAndRecordNothing(t *testing.T) {
	r := newRig(t, twoShares())
	nc := r.connect("billing")
	for body, field := range map[string]string{
		`{"user_id":"x","scoop":{}}`:      ``, // its name might be an identifier: it is not echoed
		`{}`:                              `user_id`,
		`{"user_id":"x","plan":"nope"}`:   `plan`,
		`{"user_id":"x","regime":"nope"}`: `regime`,
		`{"user_id":"x","scope":{"participants":["nobody"]}}`:        `scope`,
		`{"identifiers":[{"type":"email","value":"a@example.com"}]}`: `identifiers`, // nobody in this plan names a user id
		`{"user_id":"x","not_before":"2999-01-01T00:00:00Z"}`:        `not_before`,
	} {
		m, err := nc.Request("erasure.request.billing", []byte(body), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := events.DecodeAny(events.Header(m.Header), m.Data)
		bad, ok := p.(events.Problem)
		if err != nil || !ok || bad.Field != field {
			t.Errorf("%s: %T %+v %v, want a problem with %s", body, p, p, err, field)
		}
	}
	for s, err := range r.store.Live(t.Context()) {
		t.Errorf("a saga was started: %v %v", s.ID, err)
	}
}

func TestStoredRequestsAreTakenOnceAndOverwritten(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
	c, w := r.client("billing")
	for range 3 { // the source publishes again after a lost acknowledgement
		if _, err := c.Publish(t.Context(), events.Request{UserID: person}, "order-77"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(150 * time.Millisecond) // past the stream's duplicate window
	}
	ids := map[string]bool{}
	eventually(t, "started", func() bool {
		for id, err := range r.store.Finished(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			ids[string(id)] = true
		}
		return len(ids) > 0
	})
	for id := range ids {
		if sum, _ := r.await(w, id); sum.State != events.Completed {
			t.Errorf("ended %s", sum.State)
		}
	}
	eventually(t, "taken", func() bool { return r.streamMessages("ERASURE_REQUESTS_billing") == 0 })
	if len(ids) != 1 {
		t.Errorf("%d sagas for one request", len(ids))
	}
	if hits := grep(t, r.dir, person); len(hits) > 0 {
		t.Errorf("the person is still in the bus store: %v", hits)
	}
}

func (r *rig) streamMessages(name string) uint64 {
	r.t.Helper()
	js, err := r.connect("orchestrator").JetStream()
	if err != nil {
		r.t.Fatal(err)
	}
	i, err := js.StreamInfo(name)
	if err != nil {
		r.t.Fatal(err)
	}
	return i.State.Msgs
}

// grep returns the files below dir that hold s.
func grep(t *testing.T, dir, s string) (hits []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(s)) {
			hits = append(hits, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

func TestPoisonBecomesADeadLetterWithoutItsPayload(t *testing.T) {
	r := newRig(t, twoShares())
	nc := r.connect("billing")
	js, err := nc.JetStream(nats.PublishAsyncMaxPending(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*nats.Msg{
		{Subject: "erasure.requested.billing", Data: []byte(`{"user_id":"` + person + `","oops":1}`)},
		{Subject: "erasure.requested.billing", Data: []byte("\xff\xfe" + person)},
		{Subject: "erasure.requested.billing", Data: []byte(`{"user_id":"` + person + `"}`), Header: nats.Header{"ce-id": {"1", "2"}, "ce-type": {"x"}}},
		{Subject: "erasure.requested.billing", Data: []byte(`{}`), Header: nats.Header{"ce-type": {"io.expunge.erasure.nonsense.v9"}, "ce-id": {"9"}, "ce-source": {"/x"}, "ce-specversion": {"1.0"}}},
	} {
		if _, err := js.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	var letters []storage.DeadLetter
	eventually(t, "disposed of", func() bool {
		letters = nil
		for d, err := range r.store.DeadLetters(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			letters = append(letters, d)
		}
		return len(letters) == 4 && r.streamMessages("ERASURE_REQUESTS_billing") == 0
	})
	for _, d := range letters {
		if d.Source != "billing" || d.Size == 0 || d.Digest == "" || d.Fault == "" || strings.Contains(fmt.Sprintf("%+v", d), person) {
			t.Errorf("dead letter %+v", d)
		}
	}
	if strings.Contains(r.logs.String(), person) {
		t.Error("the person is in the log")
	}
}

func TestARestartGoesOnWhereItStopped(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := shelves()
	c, w := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	r.restart()
	r.serve(account)
	eventually(t, "resolved by the account", func() bool {
		st, err := c.Status(t.Context(), a.Saga)
		return err == nil && st.Participants[1].Step == "open"
	})
	r.restart()
	r.serve(idp)
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
		t.Errorf("ended %s", sum.State)
	}
}

func TestALiarParksTheSaga(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := shelves()
	idp.lie = true
	r.serve(account)
	r.serve(idp)
	c, _ := r.client("billing")
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	var st events.Status
	eventually(t, "parked", func() bool { st, err = c.Status(t.Context(), a.Saga); return err == nil && st.Parked != "" })
	if left, _ := account.total(person); st.State != events.Erasing || left != 1 {
		t.Errorf("state %s, account left %d: the account must wait for the identity provider", st.State, left)
	}
	if _, err := r.orch.Summary(t.Context(), "billing", a.Saga); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a summary of a parked saga: %v", err)
	}
}

func TestNothingIsAnsweredOrSentBeforeItsCommit(t *testing.T) {
	r := newRig(t, twoShares())
	waits := make(chan struct{})
	release := sync.OnceFunc(func() { close(waits) })
	defer release() // or a failure would wait for the writer, and nobody would hear of it
	held := make(chan struct{}, 1)
	r.store.set(func(b storage.Batch) error {
		if len(b.Sagas) > 0 {
			select {
			case held <- struct{}{}:
			default:
			}
			<-waits
		}
		return nil
	})
	nc := r.connect("billing")
	inbox, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest("erasure.request.billing", inbox.Subject, []byte(`{"user_id":"u-1"}`)); err != nil {
		t.Fatal(err)
	}
	<-held
	if m, err := inbox.NextMsg(200 * time.Millisecond); err == nil {
		t.Fatalf("answered before the commit: %s", m.Data)
	}
	if n := r.streamMessages(events.StreamEvents) + r.streamMessages(events.StreamCommands); n > 0 {
		t.Errorf("%d messages sent before the commit", n)
	}
	release()
	if _, err := inbox.NextMsg(5 * time.Second); err != nil {
		t.Errorf("not answered after the commit: %v", err)
	}
}

func TestAFullDiskLosesNothingAndEnds(t *testing.T) {
	r := newRig(t, twoShares())
	account, idp := shelves()
	r.store.set(func(b storage.Batch) error { return storage.ErrFull })
	c, w := r.client("billing")
	if _, err := c.Request(t.Context(), events.Request{UserID: person}); !isProblem(err, events.CodeBusy) {
		t.Fatalf("accepted on a full disk: %v", err)
	}
	if n := testutil.CollectAndCount(r.reg, "expunge_commits_full_total"); n != 1 {
		t.Errorf("expunge_commits_full_total: %d series", n)
	}
	r.store.set(nil)
	r.serve(account)
	r.serve(idp)
	a, err := c.Request(t.Context(), events.Request{UserID: person})
	if err != nil {
		t.Fatal(err)
	}
	if sum, _ := r.await(w, a.Saga); sum.State != events.Completed {
		t.Errorf("ended %s", sum.State)
	}
}

func TestAFailedCommitEndsTheProcess(t *testing.T) {
	r := newRig(t, twoShares())
	r.store.set(func(b storage.Batch) error {
		if len(b.Sagas) > 0 {
			return errDisk
		}
		return nil
	})
	c, _ := r.client("billing")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := c.Request(ctx, events.Request{UserID: person}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("answered, and nobody knows what is on the disk: %v", err)
	}
	select {
	case err := <-r.ended:
		if !errors.Is(err, errDisk) {
			t.Errorf("run: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("still running")
	}
	r.stop = func() {}
}

// logBuffer collects what is logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
