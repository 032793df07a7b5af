package bus

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// inbox is one subscription that collects the answers to many publishes.
type inbox struct {
	prefix string
	sub    *nats.Subscription

	mu      sync.Mutex
	next    uint64
	waiting map[string]chan *nats.Msg
}

func newInbox(nc *nats.Conn) (*inbox, error) {
	b := &inbox{prefix: nc.NewInbox() + ".", waiting: map[string]chan *nats.Msg{}}
	sub, err := nc.Subscribe(b.prefix+"*", b.deliver)
	if err != nil {
		return nil, wrap(err, "subscribe to answers")
	}
	b.sub = sub
	return b, nil
}

// expect returns a reply subject and the channel that its answer will come to. The caller
// must forget it.
func (b *inbox) expect() (string, <-chan *nats.Msg) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	token := strconv.FormatUint(b.next, 36)
	ch := make(chan *nats.Msg, 1)
	b.waiting[token] = ch
	return b.prefix + token, ch
}

func (b *inbox) forget(reply string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiting, strings.TrimPrefix(reply, b.prefix))
}

// deliver hands an answer over. One that nobody waits for any more is dropped: the wait
// has already ended as an error.
func (b *inbox) deliver(m *nats.Msg) {
	token := strings.TrimPrefix(m.Subject, b.prefix)
	b.mu.Lock()
	ch := b.waiting[token]
	delete(b.waiting, token)
	b.mu.Unlock()
	if ch != nil {
		ch <- m
	}
}

func (b *inbox) close() error { return b.sub.Unsubscribe() }

func await(ctx context.Context, ch <-chan *nats.Msg) (PubAck, error) {
	select {
	case m := <-ch:
		return parsePubAck(m)
	case <-ctx.Done():
		return PubAck{}, ctx.Err()
	}
}
