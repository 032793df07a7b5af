package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

var errStopping = errors.New("stopping")

// taker stands between the adapter and the handlers for one Subscribe. It lets messages
// that were taken be finished, although the adapter would forget them on a close.
type taker struct {
	cfg  SubscriberConfig
	gate *gate
	out  chan *message.Message

	once     sync.Once
	stopping chan struct{}
	stopped  chan struct{} // closed when run has returned
}

var _ wmnats.Unmarshaler = (*taker)(nil)

func newTaker(cfg SubscriberConfig) *taker {
	return &taker{
		cfg:      cfg,
		gate:     newGate(),
		out:      make(chan *message.Message),
		stopping: make(chan struct{}),
		stopped:  make(chan struct{}),
	}
}

// Unmarshal is where the adapter's callback begins. Its only error is that the subscriber
// is stopping: what a message holds never makes one.
func (t *taker) Unmarshal(m *nats.Msg) (*message.Message, error) {
	if !t.gate.enter() {
		// The subscriptions last until those inside are done, so without a delay the bus
		// would hand it to us again at once. If this is lost, AckWait brings it back.
		_ = m.NakWithDelay(t.cfg.NakBase)
		return nil, errStopping
	}
	return unmarshal(m), nil
}

// run hands messages on until ctx ends or stop is called, then waits for those inside and
// only then lets the adapter end.
func (t *taker) run(ctx context.Context, in <-chan *message.Message, end context.CancelFunc) {
	defer close(t.stopped)
	t.handOn(ctx, in)
	close(t.out)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t.refuse(in)
	}()
	t.settle()
	end()
	<-ended // until then the adapter is subscribed, and the bus gives it messages
}

func (t *taker) handOn(ctx context.Context, in <-chan *message.Message) {
	for {
		select {
		case msg := <-in:
			t.track(msg)
			select {
			case t.out <- msg:
				continue
			case <-t.stopping:
			case <-ctx.Done():
			}
			msg.Nack()
			return
		case <-t.stopping:
			return
		case <-ctx.Done():
			return
		}
	}
}

// track counts the message out when the adapter is done with it: acknowledged, not
// acknowledged, or given up on.
func (t *taker) track(msg *message.Message) { context.AfterFunc(msg.Context(), t.gate.leave) }

// refuse gives back what comes after the end, until the adapter closes its output.
func (t *taker) refuse(in <-chan *message.Message) {
	for msg := range in {
		t.track(msg)
		msg.Nack()
	}
}

// settle gives up on a handler that takes too long: it must not keep a process from
// stopping, and its message comes again.
func (t *taker) settle() {
	timeout := time.NewTimer(t.cfg.CloseWait)
	defer timeout.Stop()
	select {
	case <-t.gate.close():
	case <-timeout.C:
		t.cfg.Logger.Warn("closed while handlers had messages, which will be delivered again")
	}
}

func (t *taker) stop() { t.once.Do(func() { close(t.stopping) }) }

func (t *taker) done() bool {
	select {
	case <-t.stopped:
		return true
	default:
		return false
	}
}
