package bus_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// The attacks run against the server in this process and in a process of its own.
func TestNobodyReachesBeyondItsOwnSubjects(t *testing.T) {
	for name, start := range map[string]func(*stand, *testing.T) *stand{
		"embedded":    (*stand).start,
		"own process": (*stand).startProcess,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(newStand(t), t)
			s.provision(t)
			f := newFortress(t, s)
			t.Run("participant", func(t *testing.T) { f.attack(t, "sessions", append(participantAttacks(), operates())) })
			t.Run("source", func(t *testing.T) { f.attack(t, "billing", append(sourceAttacks(), operates())) })
			t.Run("operator", func(t *testing.T) { f.attack(t, "operator", operatorAttacks()) })
			t.Run("legitimate paths still work", func(t *testing.T) { f.works(t) })
		})
	}
}

// fortress is a bus with something in every stream, and an orchestrator that answers.
type fortress struct {
	*stand
	ours *nats.Conn
	pub  *bus.Publisher
	held []*message.Message // with their handlers during the attacks, so that an ack would count

	mu    sync.Mutex
	calls []string // subjects that reached a handler
}

func newFortress(t *testing.T, s *stand) *fortress {
	f := &fortress{stand: s, ours: s.connect(t, "orchestrator")}
	var err error
	if f.pub, err = bus.NewPublisher(f.ours, bus.Hooks{}); err != nil {
		t.Fatal(err)
	}
	var endpoints []bus.Endpoint
	for _, subject := range []string{"erasure.claim.*.>", "erasure.report.*.>", "erasure.hello.*", "erasure.request.*", "erasure.cancel.*", "erasure.status.*", events.SubjectOperate()} {
		endpoints = append(endpoints, bus.Endpoint{Name: strings.Split(subject, ".")[1], Subject: subject, Handler: f.handle})
	}
	svc, err := bus.Serve(f.ours, bus.ServiceConfig{}, endpoints)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Stop() })
	for _, subject := range stored() {
		if _, err := f.pub.PublishMessage(t.Context(), subject, "seed-"+subject, events.Message{Data: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
	}
	victim, err := bus.NewCommandSubscriber(s.connect(t, "api-keys"), "api-keys", bus.SubscriberConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = victim.Close() })
	commands, err := victim.Subscribe(t.Context(), victim.Topic())
	if err != nil {
		t.Fatal(err)
	}
	f.held = []*message.Message{take(t, commands), take(t, subscribeRequests(t, f.ours, "demo"))}
	return f
}

// handle answers at once, with bytes that would purge a stream if they reached the API.
func (f *fortress) handle(_ context.Context, c bus.Call) {
	f.mu.Lock()
	f.calls = append(f.calls, c.Subject)
	f.mu.Unlock()
	_ = c.Reply(events.Message{Data: []byte(`{}`)})
}

func (f *fortress) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// stored are subjects that streams take; each gets one message before the attacks.
func stored() []string {
	return []string{
		events.SubjectCommand("sessions"), events.SubjectCommand("api-keys"),
		events.SubjectRequested("billing"), events.SubjectRequested("demo"),
		events.SubjectEvent(events.KindFinished, "demo"), events.SubjectSummary("demo"), bus.SubjectLease,
	}
}

// snapshot is everything that an attack could change on the bus.
func (f *fortress) snapshot(t *testing.T) map[string]string {
	t.Helper()
	js, err := jetstream.New(f.ours)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	list := js.ListStreams(t.Context())
	for info := range list.Info() {
		out[info.Config.Name] = fmt.Sprintf("first %d last %d count %d consumers %d", info.State.FirstSeq, info.State.LastSeq, info.State.Msgs, info.State.Consumers)
		s, err := js.Stream(t.Context(), info.Config.Name)
		if err != nil {
			t.Fatal(err)
		}
		consumers := s.ListConsumers(t.Context())
		for c := range consumers.Info() {
			out[info.Config.Name+"/"+c.Name] = fmt.Sprintf("acked to %d, config %+v", c.AckFloor.Stream, c.Config)
		}
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// attack runs every attack, each as a publish and as a request, and compares what was
// there before with what is there after.
func (f *fortress) attack(t *testing.T, who string, attacks []attack) {
	before, calls := f.snapshot(t), len(f.seen())
	nc := f.connect(t, who)
	overheard := eavesdrop(t, nc)
	box := answerBox(t, nc, attacks)
	for i, a := range attacks {
		for _, m := range []*nats.Msg{a.msg(), a.asRequest(box, i)} {
			if err := nc.PublishMsg(m); err != nil {
				t.Fatalf("%s: %v", a.subject, err)
			}
		}
	}
	f.settle(t, nc)
	after := f.snapshot(t)
	for name, state := range before {
		if after[name] != state {
			t.Errorf("%s\nbefore: %s\nafter:  %s", name, state, after[name])
		}
	}
	if len(after) != len(before) {
		t.Errorf("streams and consumers: %d before, %d after", len(before), len(after))
	}
	for _, subject := range f.seen()[calls:] {
		if !slices.Contains(own(who), subject) {
			t.Errorf("the orchestrator handled %s", subject)
		}
	}
	overheard(own(who))
}

// answerBox complains of every answer to an attack; that there is nobody to answer is no
// answer.
func answerBox(t *testing.T, nc *nats.Conn, attacks []attack) string {
	t.Helper()
	box := nc.NewInbox()
	_, err := nc.Subscribe(box+".*", func(m *nats.Msg) {
		i, err := strconv.Atoi(strings.TrimPrefix(m.Subject, box+"."))
		if err != nil || m.Header.Get("Status") == "503" {
			return
		}
		t.Errorf("%s was answered: %s", attacks[i].subject, m.Data)
	})
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// own are the subjects of an attacker on which it may be heard.
func own(who string) []string {
	if who == "operator" { // it listens to all sources, also to what it made the service send to itself
		return []string{events.SubjectEvent(events.KindFinished, "demo"), events.SubjectSummary("demo"), events.SubjectOperate()}
	}
	return []string{
		events.SubjectClaim(who, "0"), events.SubjectReport(who, "0"), events.SubjectHello(who),
		events.SubjectRequest(who), events.SubjectCancel(who), events.SubjectStatus(who),
		events.SubjectEvent(events.KindFinished, who), events.SubjectSummary(who),
	}
}

// settle waits until the server and the orchestrator have dealt with all that was sent.
func (f *fortress) settle(t *testing.T, attacker *nats.Conn) {
	t.Helper()
	for _, nc := range []*nats.Conn{attacker, f.ours} {
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	f.ping(t)
	if err := f.ours.Flush(); err != nil {
		t.Fatal(err)
	}
}

// ping goes through each endpoint, behind whatever is queued there.
func (f *fortress) ping(t *testing.T) {
	t.Helper()
	for who, subjects := range map[string][]string{
		"api-keys": {events.SubjectClaim("api-keys", "ping"), events.SubjectReport("api-keys", "ping"), events.SubjectHello("api-keys")},
		"demo":     {events.SubjectRequest("demo"), events.SubjectCancel("demo"), events.SubjectStatus("demo")},
		"operator": {events.SubjectOperate()},
	} {
		nc := f.connect(t, who)
		for _, subject := range subjects {
			if _, err := nc.Request(subject, nil, 10*time.Second); err != nil {
				t.Fatalf("%s as %s: %v", subject, who, err)
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = slices.DeleteFunc(f.calls, func(s string) bool {
		return strings.HasSuffix(s, ".ping") || s == events.SubjectHello("api-keys") || strings.HasSuffix(s, ".demo")
	})
	for i, s := range slices.Backward(f.calls) { // of operations only our own: an attacker's must be seen
		if s == events.SubjectOperate() {
			f.calls = slices.Delete(f.calls, i, i+1)
			break
		}
	}
}

// eavesdrop listens wherever the attacker may be allowed to, and complains of what it
// heard that is not its own.
func eavesdrop(t *testing.T, nc *nats.Conn) func(own []string) {
	t.Helper()
	var mu sync.Mutex
	heard := map[string]bool{}
	listen := func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		heard[m.Subject] = true
	}
	for _, subject := range []string{
		">", "erasure.>", "erasure.*.*", "$JS.>", "_R_.>", "_INBOX.>", "$SRV.>", "erasure.intake.demo",
		events.SubjectCommand("api-keys"), events.SubjectDeliver("api-keys"), events.SubjectSummary("demo"),
	} {
		if _, err := nc.Subscribe(subject, listen); err != nil {
			t.Fatal(err)
		}
		if _, err := nc.QueueSubscribe(subject, "api-keys", listen); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return func(own []string) {
		mu.Lock()
		defer mu.Unlock()
		for subject := range heard {
			if !slices.Contains(own, subject) && !strings.HasPrefix(subject, "_INBOX.") {
				t.Errorf("heard %s", subject)
			}
		}
	}
}

// works shows that what the attacks tried to break is still whole.
func (f *fortress) works(t *testing.T) {
	_, commands := subscribeCommands(t, f.connect(t, "sessions"), bus.SubscriberConfig{})
	take(t, commands).Ack()
	f.held[0].Ack()
	dispose(t, f.ours, f.held[1])
	requireEmpty(t, f.ours, events.StreamCommands)
	requireEmpty(t, f.ours, events.StreamRequests("demo"))
	nc := f.connect(t, "billing")
	answer, err := nc.Request(events.SubjectRequested("billing"), []byte(`{}`), 10*time.Second)
	if err != nil || !strings.Contains(string(answer.Data), `"seq":2`) {
		t.Errorf("a stored request: %v, %v", answer, err)
	}
}
