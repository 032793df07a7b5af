package bus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// features is what Watermill's own suite is told of our publisher and subscriber.
func features() tests.Features {
	return tests.Features{
		ConsumerGroups:                      false, // a stream has one consumer: a work queue gives each message to one taker
		ExactlyOnceDelivery:                 false, // an ack can be lost with a connection; handlers must be repeatable
		GuaranteedOrder:                     false, // several messages are with handlers at once, and a nacked one comes later
		GuaranteedOrderWithSingleSubscriber: false, // as above
		Persistent:                          true,
		RestartServiceCommand:               nil,   // TestReconnect compares with a slice that another goroutine still appends to; TestAllThatWasPublishedArrivesAlthoughTheServerIsKilled does its work
		RequireSingleInstance:               false, // any number of processes may take from one consumer
		NewSubscriberReceivesOldMessages:    false, // what was acked is removed from a work queue
		ContextPreserved:                    false, // messages cross a network
		ForceShort:                          testing.Short() || raceEnabled,
	}
}

func TestWatermillsSuiteOverCommandSubscribers(t *testing.T) { runSuite(t, false) }

func TestWatermillsSuiteOverRequestSubscribers(t *testing.T) { runSuite(t, true) }

// runSuite runs against a server in a process of its own.
func runSuite(t *testing.T, plain bool) {
	s := newStand(t)
	s.cfg.StoreBytes = 100 << 30 // set aside by many topics, and hardly used
	s.startProcess(t)
	create := func(t *testing.T) (message.Publisher, message.Subscriber) {
		nc := s.connect(t, "orchestrator")
		pub, err := bus.NewPublisher(nc, bus.Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		return pub, &topics{nc: nc, plain: plain}
	}
	tests.TestPubSub(t, features(), create, nil)
}

func TestAllThatWasPublishedArrivesAlthoughTheServerIsKilled(t *testing.T) {
	s := newStand(t)
	p := supervise(t, s)
	s.url = p.url
	s.provision(t)
	pub, err := bus.NewPublisher(s.connect(t, "orchestrator"), bus.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pub.Close() }()
	_, commands := subscribeCommands(t, s.connect(t, "sessions"), bus.SubscriberConfig{})

	const publishers, each = 8, 25
	for i := range publishers {
		go publishAll(t, pub, i*each, (i+1)*each)
	}
	missing := map[string]bool{}
	for i := range publishers * each {
		missing[strconv.Itoa(i)] = true
	}
	kills := 2
	for len(missing) > 0 {
		select {
		case msg := <-commands:
			delete(missing, string(msg.Payload))
			msg.Ack()
		case <-time.After(2 * bus.AckWait):
			t.Fatalf("%d of %d never came", len(missing), publishers*each)
		}
		if kills > 0 && len(missing) < publishers*each*kills/3 {
			kills--
			if err := exec.Command(p.killCommand()[0], p.killCommand()[1:]...).Run(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// publishAll tries each message until the stream has it, as the relay does.
func publishAll(t *testing.T, pub *bus.Publisher, from, to int) {
	for i := from; i < to; {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		id := strconv.Itoa(i)
		_, err := pub.PublishMessage(ctx, events.SubjectCommand("sessions"), id, events.Message{Data: []byte(id)})
		cancel()
		switch {
		case err == nil:
			i++
		case t.Context().Err() != nil:
			return
		default:
			time.Sleep(20 * time.Millisecond) // the relay's back-off
		}
	}
}

// topics is one subscriber for all the topics of the suite; ours have one each.
type topics struct {
	nc    *nats.Conn
	plain bool

	mu   sync.Mutex
	subs []*bus.Subscriber
}

func (s *topics) one(topic string) (*bus.Subscriber, func(context.Context, time.Duration) error) {
	return bus.OneTopic(s.nc, topic, s.plain, bus.SubscriberConfig{
		Concurrency: 4, NakBase: 2 * time.Millisecond, NakMax: 10 * time.Millisecond, CloseWait: 500 * time.Millisecond,
	})
}

// SubscribeInitialize implements [message.SubscribeInitializer].
func (s *topics) SubscribeInitialize(topic string) error {
	_, provision := s.one(topic)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return provision(ctx, time.Second)
}

func (s *topics) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	sub, _ := s.one(topic)
	s.mu.Lock()
	s.subs = append(s.subs, sub)
	s.mu.Unlock()
	return sub.Subscribe(ctx, topic)
}

func (s *topics) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, sub := range s.subs {
		errs = append(errs, sub.Close())
	}
	return errors.Join(errs...)
}

// supervised is a server process that is started again whenever it dies.
type supervised struct {
	url     string
	pidFile string
}

func supervise(t *testing.T, s *stand) *supervised {
	t.Helper()
	sup := &supervised{pidFile: filepath.Join(t.TempDir(), "pid")}
	p := spawn(t, s.cfg)
	sup.url = p.url
	s.cfg.Port = portOf(t, p.url)
	ended := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			sup.note(t, p)
			died := make(chan struct{})
			go func() { _ = p.cmd.Wait(); close(died) }()
			select {
			case <-died:
				p = spawn(t, s.cfg)
			case <-stop:
				_ = p.in.Close()
				<-died
				return
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-ended })
	return sup
}

func (s *supervised) note(t *testing.T, p *process) {
	if err := os.WriteFile(s.pidFile, fmt.Append(nil, p.cmd.Process.Pid), 0o600); err != nil {
		t.Error(err)
	}
}

// killCommand waits for the next server if this one is already dead.
func (s *supervised) killCommand() []string {
	return []string{"sh", "-c", "until kill -9 $(cat " + s.pidFile + ") 2>/dev/null; do sleep 0.05; done"}
}
