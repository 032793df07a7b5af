package bus_test

import (
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
)

// Remove nats.MaxReconnects(-1), nats.RetryOnFailedConnect or nats.IgnoreAuthErrorAbort in
// endurance to see it fail: the subscription would then stay open and silent for ever.
func TestRule05_ASubscriptionOutlivesAnAbsentAndARefusingBus(t *testing.T) {
	s := newStand(t)
	first := s.start(t)
	s.provision(t)
	s.cfg.Port = portOf(t, first.url)
	first.server.Shutdown()

	reconnected, refused := make(chan struct{}, 16), make(chan struct{}, 64)
	worker, err := bus.Connect(bus.Config{URL: s.url, NKey: s.keys["sessions"], Logger: logOf("Authorization Violation", refused), Hooks: bus.Hooks{
		Connected: func(up bool) {
			if up {
				reconnected <- struct{}{}
			}
		},
	}})
	if err != nil {
		t.Fatalf("the bus is away, which is no fault of the configuration: %v", err)
	}
	t.Cleanup(worker.Close)
	if n := worker.Opts.MaxReconnect; n != -1 {
		t.Errorf("gives up after %d attempts", n)
	}
	_, commands := subscribeCommands(t, worker, bus.SubscriberConfig{})

	refusing := s.cfg // knows nobody: refuses the worker's key until it is mended
	refusing.Participants, refusing.Sources, refusing.Operators = nil, nil, nil
	stranger, err := embedded.Start(embedded.Config{ServerConfig: refusing})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the default gives up after the second time
		select {
		case <-refused:
		case <-time.After(20 * time.Second):
			t.Fatal("gave up")
		}
	}
	stranger.Shutdown()

	s.start(t)
	<-reconnected
	ring(t, s.connect(t, "orchestrator"), "sessions", 1)
	take(t, commands).Ack()
	requireEmpty(t, s.connect(t, "orchestrator"), events.StreamCommands) // an ack on its way would be lost with the server

	if err := s.server.Restart(); err != nil {
		t.Fatal(err)
	}
	<-reconnected
	ring(t, s.connect(t, "orchestrator"), "sessions", 2)
	take(t, commands).Ack()
	requireEmpty(t, s.connect(t, "orchestrator"), events.StreamCommands)
}

// logOf tells the channel of each line about a bus that refuses for a reason.
func logOf(reason string, seen chan<- struct{}) *slog.Logger {
	return slog.New(slog.NewTextHandler(writerFunc(func(line []byte) (int, error) {
		if strings.Contains(string(line), "bus refuses") && strings.Contains(string(line), reason) {
			seen <- struct{}{}
		}
		return len(line), nil
	}), nil))
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func portOf(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
