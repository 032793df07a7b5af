package bus_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// wire speaks the protocol of the bus by hand, without credentials: no library would send
// what it sends.
type wire struct {
	net.Conn
	in *bufio.Reader
}

func dialWire(t *testing.T, url string) *wire {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	w := &wire{Conn: c, in: bufio.NewReader(c)}
	w.send(t, "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n")
	w.pong(t)
	return w
}

func (w *wire) send(t *testing.T, text string) {
	t.Helper()
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// publish sends a message with a header block as it stands.
func (w *wire) publish(t *testing.T, subject, reply, header, data string) {
	t.Helper()
	w.send(t, fmt.Sprintf("HPUB %s %s %d %d\r\n%s%s\r\n", subject, reply, len(header), len(header)+len(data), header, data))
	w.pong(t)
}

// pong waits until the server has read everything so far.
func (w *wire) pong(t *testing.T) {
	t.Helper()
	w.send(t, "PING\r\n")
	for {
		line, err := w.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "PONG") {
			return
		}
		if strings.HasPrefix(line, "-ERR") {
			t.Fatal(line)
		}
	}
}

// hostileHeaders are header blocks that no client of ours sends, and what becomes of each.
func hostileHeaders() map[string]string {
	return map[string]string{
		"NATS/1.0\r\nce-id: 1\r\nce-id: 2\r\n\r\n":                                           "header with several values",
		"NATS/1.0\r\nexpunge.stream: ERASURE_COMMANDS\r\nexpunge.sequence: 7\r\n\r\n":        "header with a reserved name",
		"NATS/1.0\r\nce-type: io.example.unheard.of\r\n\r\n":                                 "",
		"garbage without a version or an end":                                                "",
		"NATS/1.0\r\nno colon\r\n\r\n":                                                       "",
		"NATS/1.0\r\n: no name\r\n\r\n":                                                      "",
		"NATS/1.0 503 not from the server\r\n\r\n":                                           "",
		"NATS/1.0 100 Idle Heartbeat\r\n\r\n":                                                "",
		"NATS/1.0\r\nStatus: 100\r\nDescription: Idle Heartbeat\r\n\r\n":                     "",
		"NATS/1.0\r\nStatus: 100\r\nDescription: FlowControl Request\r\n\r\n":                "",
		"NATS/1.0 409 Consumer Deleted\r\n\r\n":                                              "",
		"NATS/1.0\r\n_watermill_message_uuid: person@example.com\r\nce-id: \xff\xfe\r\n\r\n": "",
	}
}

// devStand lets who has no credentials be the source demo.
func devStand(t *testing.T) *stand {
	t.Helper()
	s := newStand(t)
	s.cfg.NoAuthSource = "demo"
	s.start(t).provision(t)
	return s
}

// Let taker.Unmarshal return an error for a multi-valued header, as the adapter's own
// unmarshaler does, to see it fail: the message then comes again for ever, unseen.
func TestRule06_EveryMessageReachesItsHandlerWhateverItsHeader(t *testing.T) {
	s := devStand(t)
	ours := s.connect(t, "orchestrator")
	requests := subscribeRequests(t, ours, "demo")
	w := dialWire(t, s.url)
	for header, poison := range hostileHeaders() {
		for _, data := range []string{"", "{}"} {
			w.publish(t, events.SubjectRequested("demo"), "", header, data)
			select {
			case msg := <-requests:
				requireDelivery(t, header, msg, poison)
				dispose(t, ours, msg)
			case <-time.After(10 * time.Second):
				t.Errorf("%q with %q: never delivered", header, data)
			}
		}
	}
	requireEmpty(t, ours, events.StreamRequests("demo"))
}

func requireDelivery(t *testing.T, header string, msg *message.Message, poison string) {
	t.Helper()
	d := bus.DeliveryOf(msg)
	if d.Poison != poison || d.Stream != events.StreamRequests("demo") || d.Sequence == 0 {
		t.Errorf("%q: %+v", header, d)
	}
	if strings.Contains(msg.UUID, "@") {
		t.Errorf("%q names the message %q", header, msg.UUID)
	}
	_, _, _ = events.DecodeAny(bus.HeaderOf(msg), msg.Payload)
}

func TestHostileHeadersDoNotReachIntoAnEndpoint(t *testing.T) {
	s := devStand(t)
	ours := s.connect(t, "orchestrator")
	calls := make(chan bus.Call, len(hostileHeaders()))
	svc, err := bus.Serve(ours, bus.ServiceConfig{}, []bus.Endpoint{{Name: "request", Subject: "erasure.request.*", Handler: func(_ context.Context, c bus.Call) {
		_, _, _ = events.DecodeAny(c.Header, c.Data)
		calls <- c
		_ = c.Reply(events.Message{Header: events.Header{}, Data: c.Data})
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Stop() })
	w := dialWire(t, s.url)
	for header := range hostileHeaders() {
		w.publish(t, events.SubjectRequest("demo"), "_INBOX.mine", header, "{}")
		select {
		case c := <-calls:
			if string(c.Data) != "{}" || c.Token(2) != "demo" {
				t.Errorf("%q: %s with %q", header, c.Subject, c.Data)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%q: never handled", header)
		}
	}
}

func subscribeRequests(t *testing.T, nc *nats.Conn, source string) <-chan *message.Message {
	t.Helper()
	sub, err := bus.NewRequestSubscriber(nc, source, bus.SubscriberConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Close() })
	out, err := sub.Subscribe(t.Context(), sub.Topic())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// dispose ends a request as the orchestrator does: overwritten, then acked.
func dispose(t *testing.T, nc *nats.Conn, msg *message.Message) {
	t.Helper()
	d := bus.DeliveryOf(msg)
	if err := bus.DeleteSecurely(t.Context(), nc, d.Stream, d.Sequence); err != nil {
		t.Fatal(err)
	}
	msg.Ack()
}
