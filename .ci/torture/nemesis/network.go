package nemesis

import (
	"bytes"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/torture/stage"
)

func (h *Hand) link() *stage.Link { return h.stage.Links[h.rng.IntN(len(h.stage.Links))] }

// cut cuts a process off from the bus: at once, or so that it notices only later.
func (h *Hand) cut() error {
	l := h.link()
	how := []string{"", "upstream", "downstream"}[h.rng.IntN(3)]
	h.say("cut the link of %s %s", l.Name, how)
	if how == "" {
		l.Cut()
	} else if err := l.Swallow(how); err != nil {
		return err
	}
	h.count(&h.counts.Cuts)
	h.wait(200*time.Millisecond + h.upTo(3*time.Second))
	if how != "" {
		l.Cut() // what was swallowed is never sent on
	}
	return l.Restore()
}

// slow makes a link slow.
func (h *Hand) slow() error {
	l := h.link()
	latency := 20*time.Millisecond + h.upTo(400*time.Millisecond)
	h.say("slow down the link of %s by %s", l.Name, latency)
	if err := l.Slow(latency); err != nil {
		return nil //nolint:nilerr // it is cut, or slow already
	}
	h.count(&h.counts.Slows)
	h.wait(2*time.Second + h.upTo(4*time.Second))
	return l.Restore()
}

// poison publishes what no source that keeps to the contract would.
func (h *Hand) poison() error {
	nc, err := bus.Connect(bus.Config{URL: h.stage.ClientURL, Name: "torture poison", NKeySeedFile: h.stage.Seed(stage.Shop)})
	if err != nil {
		return err
	}
	defer nc.Close()
	person := fmt.Sprintf("u-%s-poison", h.marker) // it must not be kept
	m := poisons[h.rng.IntN(len(poisons))](person)
	m.Subject = []string{events.SubjectRequested(stage.Shop), events.SubjectRequest(stage.Shop), events.SubjectCancel(stage.Shop)}[h.rng.IntN(3)]
	h.say("poison of %d bytes on %s", len(m.Data), m.Subject)
	if nc.PublishMsg(m) == nil && nc.FlushTimeout(2*time.Second) == nil { // the bus may be away
		h.count(&h.counts.Poisons)
	}
	return nil
}

var poisons = []func(person string) *nats.Msg{
	func(p string) *nats.Msg { return &nats.Msg{Data: []byte(`{"user_id":"` + p)} },
	func(p string) *nats.Msg {
		return &nats.Msg{Data: []byte(`{"user_id":"` + p + `","scop":{"participants":["sessions"]}}`)}
	},
	func(p string) *nats.Msg { return &nats.Msg{Data: []byte(`["` + p + `"]`)} },
	func(string) *nats.Msg { return &nats.Msg{} },
	func(p string) *nats.Msg {
		return &nats.Msg{Data: bytes.Repeat([]byte(p+" "), 20_000)} // several hundred KiB
	},
	func(p string) *nats.Msg {
		return &nats.Msg{Header: nats.Header{"ce-id": {"1", "2"}, "ce-type": {"io.expunge.erasure.requested.v1"}}, Data: []byte(`{"user_id":"` + p + `"}`)}
	},
	func(p string) *nats.Msg {
		return &nats.Msg{Header: nats.Header{"ce-id": {"1"}, "ce-specversion": {"1.0"}, "ce-source": {"/x"}, "ce-type": {"io.example.other.v9"}}, Data: []byte(`{"user_id":"` + p + `"}`)}
	},
	func(p string) *nats.Msg { return &nats.Msg{Data: append([]byte{0xff, 0xfe, 0}, p...)} },
}
