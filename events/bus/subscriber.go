package bus

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

const closeWait = 30 * time.Second

// SubscriberConfig says how messages are taken. The zero value is good.
type SubscriberConfig struct {
	// Concurrency is how many messages are with handlers at once. Zero: 16 for commands. Each
	// of that many subscriptions has one message with a handler and may have more waiting;
	// right after a start with a backlog, the first of them may have most of it.
	// A request subscriber always takes [RequestsInFlight].
	Concurrency int
	// A message that its handler nacks comes again after a random time between half and all
	// of NakBase, which doubles at each delivery up to NakMax. Zero: 1 s and 30 s.
	NakBase, NakMax time.Duration
	// CloseWait is how long Close waits for messages that handlers have. Zero: 30 s.
	CloseWait time.Duration

	Logger *slog.Logger // nil: discard
}

const defaultConcurrency = 16

func (c SubscriberConfig) withDefaults() SubscriberConfig {
	if c.Concurrency <= 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.NakBase <= 0 {
		c.NakBase = nakBase
	}
	if c.NakMax <= 0 {
		c.NakMax = nakMax
	}
	if c.CloseWait <= 0 {
		c.CloseWait = closeWait
	}
	c.Logger = orDiscard(c.Logger)
	return c
}

// Subscriber delivers the messages of one push consumer. A message that its handler
// nacks comes again after a delay; one that is neither acked nor nacked comes again after
// [AckWait]. Each is delivered at least once.
type Subscriber struct {
	nc      *nats.Conn
	binding binding
	cfg     SubscriberConfig

	mu     sync.Mutex
	closed bool
	takers []*taker
}

var _ message.Subscriber = (*Subscriber)(nil)

// NewCommandSubscriber takes the commands of a participant. Its topic is
// [events.SubjectCommand]; the connection stays the caller's.
func NewCommandSubscriber(nc *nats.Conn, participant string, cfg SubscriberConfig) (*Subscriber, error) {
	if err := CheckName(participant); err != nil {
		return nil, fmt.Errorf("participant: %w", err)
	}
	return newSubscriber(nc, commandBinding(participant), cfg), nil
}

// NewRequestSubscriber takes the stored requests of a source. It is for the orchestrator's
// user. Its topic is [events.SubjectRequested]; the connection stays the caller's.
func NewRequestSubscriber(nc *nats.Conn, source string, cfg SubscriberConfig) (*Subscriber, error) {
	if err := CheckName(source); err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	cfg.Concurrency = RequestsInFlight
	return newSubscriber(nc, requestBinding(source), cfg), nil
}

func newSubscriber(nc *nats.Conn, b binding, cfg SubscriberConfig) *Subscriber {
	return &Subscriber{nc: nc, binding: b, cfg: cfg.withDefaults()}
}

// Topic is what the subscriber can be asked for.
func (s *Subscriber) Topic() string { return s.binding.subject }

// Subscribe implements [message.Subscriber]. The channel is closed when ctx ends or the
// subscriber is closed; messages that were taken before may still be acked then.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if topic != s.binding.subject {
		return nil, fmt.Errorf("subscribe to %s: this subscriber has %s", topic, s.binding.subject)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, ErrClosed)
	}
	t, err := s.take(ctx)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	s.takers = append(slices.DeleteFunc(s.takers, (*taker).done), t)
	return t.out, nil
}

func (s *Subscriber) take(ctx context.Context) (*taker, error) {
	t := newTaker(s.cfg)
	adapter, err := wmnats.NewSubscriberWithNatsConn(s.nc, s.adapterConfig(t), quiet(s.cfg.Logger))
	if err != nil {
		return nil, err
	}
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	in, err := adapter.Subscribe(inner, s.binding.subject)
	if err != nil {
		stop() // ends the subscriptions that were made before the one that failed
		return nil, err
	}
	go t.run(ctx, in, stop)
	return t, nil
}

func (s *Subscriber) adapterConfig(t *taker) wmnats.SubscriberSubscriptionConfig {
	b := s.binding
	return wmnats.SubscriberSubscriptionConfig{
		Unmarshaler:       t,
		SubscribersCount:  s.cfg.Concurrency,
		AckWaitTimeout:    AckWait,
		CloseTimeout:      s.cfg.CloseWait,
		SubjectCalculator: b.listenOn,
		NakDelay:          newBackoff(s.cfg.NakBase, s.cfg.NakMax),
		JetStream:         b.jetStream(),
	}
}

// Close implements [message.Subscriber]. It takes no more messages and waits, up to
// CloseWait, for those that handlers have; what is not done then will be delivered again.
// The connection and the consumer stay.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	takers := s.takers
	s.mu.Unlock()
	for _, t := range takers {
		t.stop()
	}
	for _, t := range takers {
		<-t.stopped
	}
	if s.nc.IsConnected() {
		_ = s.nc.FlushTimeout(time.Second) // the last acks; without them the messages come again
	}
	return nil
}
