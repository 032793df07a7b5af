package bus

import (
	"slices"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
)

// binding is where a push consumer lives and where it delivers. The consumer is made from
// it and subscribers listen by it, so that they need no API right to look anything up.
type binding struct {
	stream, consumer, subject, deliver, group string

	// plain listens without the client's JetStream layer: see requestBinding.
	plain bool
}

func commandBinding(participant string) binding {
	return binding{
		stream:   events.StreamCommands,
		consumer: participant,
		subject:  events.SubjectCommand(participant),
		deliver:  events.SubjectDeliver(participant),
		group:    participant,
	}
}

// requestBinding is plain because strangers write requests, headers included. The client's
// JetStream layer takes an empty message with status 100 for a heartbeat and swallows it:
// nobody would ever see it, acknowledge it or overwrite it, and as many of them as may be
// in flight would stop the source's stream. To a plain subscription it is one more message.
// It is acknowledged in the same way, and nothing acknowledges it by itself.
func requestBinding(source string) binding {
	return binding{
		stream:   events.StreamRequests(source),
		consumer: consumerRequests,
		subject:  events.SubjectRequested(source),
		deliver:  "erasure.intake." + source,
		group:    consumerRequests,
		plain:    true,
	}
}

// listenOn is the adapter's way from a topic to a subject. Through JetStream it is given
// the topic, and the options of jetStream say where the messages come.
func (b binding) listenOn(_, topic string) *wmnats.SubjectDetail {
	if b.plain {
		topic = b.deliver
	}
	return &wmnats.SubjectDetail{Primary: topic, QueueGroup: b.group}
}

// jetStream binds to a consumer that is there. Without ManualAck the client would
// acknowledge whatever the handler did; without the rest it would look things up, for which
// a worker has no right, and delete the consumer on close.
func (b binding) jetStream() wmnats.JetStreamConfig {
	opts := []nats.SubOpt{
		nats.ManualAck(),
		nats.Bind(b.stream, b.consumer),
		nats.SkipConsumerLookup(),
		nats.DeliverSubject(b.deliver),
	}
	return wmnats.JetStreamConfig{
		Disabled:          b.plain,
		AutoProvision:     false,
		SubscribeOptions:  slices.Clip(opts), // the adapter appends to it
		AckAsync:          true,
		DurableCalculator: func(string, string) string { return b.consumer },
	}
}
