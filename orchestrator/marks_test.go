package orchestrator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
	"github.com/expunge-io/expunge/storage"
)

// onStream is a message of ours as it stands on a stream.
type onStream struct {
	subject  string
	id       string // Nats-Msg-Id
	sequence uint64
	env      events.Envelope
	payload  events.Payload
	data     []byte
}

// read returns everything that is on a stream, oldest first.
func (r *rig) read(stream string) (out []onStream) {
	r.t.Helper()
	js, err := jetstream.New(r.connect("orchestrator"))
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := js.Stream(r.t.Context(), stream)
	if err != nil {
		r.t.Fatal(err)
	}
	state := s.CachedInfo().State
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(r.t.Context(), seq)
		if err != nil {
			continue // acknowledged
		}
		env, p, err := events.DecodeAny(events.Header(m.Header), m.Data)
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, onStream{m.Subject, m.Header.Get("Nats-Msg-Id"), seq, env, p, m.Data})
	}
	return out
}

func (r *rig) find(stream, subject, id string) (found []onStream) {
	for _, m := range r.read(stream) {
		if strings.HasPrefix(m.subject, subject) && m.env.Subject == id {
			found = append(found, m)
		}
	}
	return found
}

// remake deletes a stream and makes it again, empty.
func (r *rig) remake(stream string) {
	r.t.Helper()
	js, err := jetstream.New(r.connect("orchestrator"))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := js.DeleteStream(r.t.Context(), stream); err != nil {
		r.t.Fatal(err)
	}
	r.provision()
}

// erased runs an erasure to its end and returns its id and the summary's bytes.
func (r *rig) erased(user string) (id string, summary []byte) {
	r.t.Helper()
	c, w := r.client("billing")
	a, err := c.Request(r.t.Context(), events.Request{UserID: events.Private(user)})
	if err != nil {
		r.t.Fatal(err)
	}
	_, raw := r.await(w, a.Saga)
	r.allOut() // the event of the end follows its summary
	return a.Saga, raw
}

func (r *rig) work() {
	account, idp := shelves()
	r.serve(account)
	r.serve(idp)
}

// TestABusThatIsMadeAnewIsTold: streams that were lost and made again, found at a start and
// at a reconnect.
func TestABusThatIsMadeAnewIsTold(t *testing.T) {
	for name, meet := range map[string]func(*rig){
		"at a start":     func(r *rig) { r.stop(); r.remake(events.StreamEvents); r.start() },
		"at a reconnect": func(r *rig) { r.remake(events.StreamEvents); r.reconnect() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, twoShares())
			r.work()
			id, want := r.erased(person)
			before := r.find(events.StreamEvents, "erasure.summary.", id)
			meet(r)
			eventually(t, "told again", func() bool { return len(r.find(events.StreamEvents, "erasure.summary.", id)) > 0 })
			again := r.find(events.StreamEvents, "erasure.summary.", id)[0]
			if !bytes.Equal(again.data, want) {
				t.Errorf("other bytes:\n%s\n%s", again.data, want)
			}
			if again.env.ID != before[0].env.ID {
				t.Errorf("ce-id %s, was %s: nobody knows that it is the same", again.env.ID, before[0].env.ID)
			}
			if again.id == before[0].id || again.env.Log <= before[0].env.Log {
				t.Errorf("a new issue with the old id %s, or the old batch %d", again.id, again.env.Log)
			}
			for _, kind := range []events.EventKind{events.KindAccepted, events.KindErasing, events.KindFinished} {
				if n := len(r.find(events.StreamEvents, events.SubjectEvent(kind, "billing"), id)); n != 1 {
					t.Errorf("%d events of kind %s", n, kind)
				}
			}
		})
	}
}

func (r *rig) reconnect() {
	r.t.Helper()
	if err := r.srv.Restart(); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "ready", func() bool { return r.orch.Ready() == nil })
}

// TestABusThatWasReplacedWhileItRuns: the process ends, and its supervisor starts the next.
func TestABusThatWasReplacedWhileItRuns(t *testing.T) {
	r := newRig(t, twoShares())
	r.work()
	id, _ := r.erased(person)
	r.stop()
	js, err := jetstream.New(r.connect("orchestrator"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := r.config()
	cfg.Provision = func(ctx context.Context) error { return bus.Provision(ctx, cfg.Conn, r.bus.Topology()) }
	o := r.launch(cfg, r.store, nil)
	o.awaitReady(t)
	for _, stream := range []string{events.StreamControl, events.StreamEvents, events.StreamCommands} {
		if err := js.DeleteStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-o.ended:
		if !errors.Is(err, bus.ErrBusAnew) {
			t.Fatalf("it ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on without a bus")
	}
	if err := bus.ProvisionControl(t.Context(), cfg.Conn); err != nil {
		t.Fatal(err)
	}
	cfg.Registerer = nil
	r.launch(cfg, r.store, nil).awaitReady(t)
	eventually(t, "told again", func() bool { return len(r.find(events.StreamEvents, "erasure.summary.", id)) == 1 })
}

// TestABusThatLostItsTailIsTold puts back the files of the bus as they were between
// two erasures.
func TestABusThatLostItsTailIsTold(t *testing.T) {
	r := newRig(t, twoShares())
	r.work()
	r.erased("u-canary-00420")
	eventually(t, "all is out", func() bool { return r.outbox() == 0 })
	if err := r.orch.NotePoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.stop()
	copied := filepath.Join(t.TempDir(), "bus")
	r.withoutBus(func() { copyDir(t, copied, r.dir) })
	r.start()
	lost, want := r.erased(person)
	waits := r.unserved("u-3")
	r.stop()
	r.withoutBus(func() {
		if err := os.RemoveAll(r.dir); err != nil {
			t.Fatal(err)
		}
		copyDir(t, r.dir, copied)
	})
	r.start()
	eventually(t, "told again", func() bool { return len(r.find(events.StreamEvents, "erasure.summary.", lost)) == 1 })
	eventually(t, "told again", func() bool { return len(r.find(events.StreamEvents, "erasure.event.accepted.", waits)) == 1 })
	if got := r.find(events.StreamEvents, "erasure.summary.", lost)[0]; !bytes.Equal(got.data, want) {
		t.Errorf("other bytes: %s", got.data)
	}
}

// unserved submits a request for a participant that is away, and returns the saga.
func (r *rig) unserved(user string) string {
	r.t.Helper()
	a, err := r.orch.Submit(r.t.Context(), "billing", events.Request{UserID: events.Private(user)})
	if err != nil {
		r.t.Fatal(err)
	}
	return a.Saga
}

func (r *rig) outbox() (n int) {
	r.t.Helper()
	for _, err := range r.store.Outbox(r.t.Context()) {
		if err != nil {
			r.t.Fatal(err)
		}
		n++
	}
	return n
}

// withoutBus stops the bus, calls f and starts it again on its port.
func (r *rig) withoutBus(f func()) {
	r.t.Helper()
	if r.bus.Port < 0 {
		r.bus.Port = portOf(r.t, r.srv.URL())
	}
	r.srv.Shutdown()
	f()
	srv, err := embedded.Start(embedded.Config{ServerConfig: r.bus})
	if err != nil {
		r.t.Fatal(err)
	}
	r.srv = srv
	r.t.Cleanup(srv.Shutdown)
}

func copyDir(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// TestDoorbellsThatTheBusLostRingAgain: the next ring of their own is an hour away.
func TestDoorbellsThatTheBusLostRingAgain(t *testing.T) {
	plan := twoShares()
	plan.Ring = 3600e9
	r := newRig(t, plan)
	id := r.unserved(person)
	eventually(t, "all is out", func() bool { return r.outbox() == 0 })
	r.remake(events.StreamCommands)
	r.reconnect()
	_, w := r.client("billing")
	r.work()
	r.await(w, id)
}

// TestWhatIsOwedOutlivesTheProcess: it ended after the loss was noted and before all was told.
func TestWhatIsOwedOutlivesTheProcess(t *testing.T) {
	r := newRig(t, twoShares())
	r.work()
	id, _ := r.erased(person)
	r.stop()
	var marks map[string]any
	v, err := r.store.Meta(t.Context(), "bus_marks")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(v, &marks); err != nil {
		t.Fatal(err)
	}
	marks["owed"] = map[string]any{"events": time.Time{}}
	if v, err = json.Marshal(marks); err != nil {
		t.Fatal(err)
	}
	log, err := r.store.LastLog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.Commit(t.Context(), storage.Batch{Log: log + 1, Meta: map[string][]byte{"bus_marks": v}}); err != nil {
		t.Fatal(err)
	}
	summaries := func() int { return len(r.find(events.StreamEvents, "erasure.summary.", id)) }
	r.start()
	eventually(t, "told again", func() bool { return summaries() == 2 })
	r.restart()
	if err := r.orch.NotePoint(t.Context()); err != nil { // behind whatever would be told now
		t.Fatal(err)
	}
	if n := summaries(); n != 2 {
		t.Errorf("what was paid is paid again: %d summaries", n)
	}
}
