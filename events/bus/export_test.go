package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// OneTopic makes a stream and a consumer for one topic, as ours are made but for a short
// AckWait, and returns what subscribes to it. With plain set it listens as intake does.
func OneTopic(nc *nats.Conn, topic string, plain bool, cfg SubscriberConfig) (*Subscriber, func(context.Context, time.Duration) error) {
	b := binding{stream: topic, consumer: "suite", subject: topic, deliver: "deliver." + topic, group: "suite", plain: plain}
	provision := func(ctx context.Context, ackWait time.Duration) error {
		js, err := jetstream.New(nc)
		if err != nil {
			return err
		}
		stream := commandStream(64 * mega)
		stream.Name, stream.Subjects, stream.Description = topic, []string{topic}, ""
		if err := provisionStream(ctx, js, stream); err != nil {
			return err
		}
		consumer := b.config()
		consumer.AckWait = ackWait
		_, err = js.CreateOrUpdatePushConsumer(ctx, b.stream, consumer)
		return err
	}
	return newSubscriber(nc, b, cfg), provision
}
