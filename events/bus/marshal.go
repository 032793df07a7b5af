package bus

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
)

const (
	headerID   = "ce-id"
	metaPrefix = "expunge."

	metaPoison     = metaPrefix + "poison"
	metaSubject    = metaPrefix + "subject"
	metaStream     = metaPrefix + "stream"
	metaSequence   = metaPrefix + "sequence"
	metaStored     = metaPrefix + "stored"
	metaDeliveries = metaPrefix + "deliveries"
)

// Delivery is where a message that a [Subscriber] delivered comes from.
type Delivery struct {
	Subject    string
	Stream     string
	Sequence   uint64    // in the stream
	Stored     time.Time // by the bus, UTC
	Deliveries uint64    // how often it was delivered, this time included
	Poison     string    // not empty: why the header cannot be used; dispose of it
}

// DeliveryOf reads what the bus noted about a message. No header of the message can change
// it.
func DeliveryOf(msg *message.Message) Delivery {
	seq, _ := strconv.ParseUint(msg.Metadata.Get(metaSequence), 10, 64)
	n, _ := strconv.ParseUint(msg.Metadata.Get(metaDeliveries), 10, 64)
	stored, _ := time.Parse(time.RFC3339Nano, msg.Metadata.Get(metaStored))
	return Delivery{
		Subject:    msg.Metadata.Get(metaSubject),
		Stream:     msg.Metadata.Get(metaStream),
		Sequence:   seq,
		Stored:     stored,
		Deliveries: n,
		Poison:     msg.Metadata.Get(metaPoison),
	}
}

// HeaderOf returns the header that the message came with, for [events.DecodeAny]. That of
// a poison message is incomplete.
func HeaderOf(msg *message.Message) events.Header {
	h := events.Header{}
	for k, v := range msg.Metadata {
		if !strings.HasPrefix(k, metaPrefix) {
			h[k] = []string{v}
		}
	}
	return h
}

// marshaler translates between Watermill and NATS: metadata are headers, as they stand,
// and a message's UUID is its ce-id.
type marshaler struct{}

var _ wmnats.Marshaler = marshaler{}

// Marshal takes the reply subject for the stream's answer from the message's context.
func (marshaler) Marshal(topic string, msg *message.Message) (*nats.Msg, error) {
	out := &nats.Msg{Subject: topic, Data: msg.Payload, Header: nats.Header{}}
	for k, v := range msg.Metadata {
		if !strings.HasPrefix(k, metaPrefix) {
			out.Header[k] = []string{v}
		}
	}
	if id := msg.Metadata.Get(headerID); id != msg.UUID {
		out.Header[wmnats.WatermillUUIDHdr] = []string{msg.UUID}
	}
	out.Reply = replyOf(msg.Context())
	return out, nil
}

type replyKey struct{}

func withReply(ctx context.Context, subject string) context.Context {
	return context.WithValue(ctx, replyKey{}, subject)
}

func replyOf(ctx context.Context) string {
	s, _ := ctx.Value(replyKey{}).(string)
	return s
}

// unmarshal never fails: an error here would drop the message without a word, and the bus
// would deliver it again for ever. What cannot be carried is marked as poison instead.
func unmarshal(m *nats.Msg) *message.Message {
	md := message.Metadata{}
	poison := ""
	for _, k := range slices.Sorted(maps.Keys(m.Header)) {
		values := m.Header[k]
		switch {
		case strings.HasPrefix(k, metaPrefix):
			poison = "header with a reserved name"
		case len(values) != 1:
			poison = "header with several values"
		default:
			md[k] = values[0]
		}
	}
	if poison != "" {
		md[metaPoison] = poison
	}
	md[metaSubject] = m.Subject
	note(md, m)
	msg := message.NewMessage(uuidOf(md), m.Data)
	msg.Metadata = md
	delete(md, wmnats.WatermillUUIDHdr)
	return msg
}

// note adds what the bus says of a stored message; for any other there is nothing to add.
func note(md message.Metadata, m *nats.Msg) {
	meta, err := m.Metadata()
	if err != nil {
		return
	}
	md[metaStream] = meta.Stream
	md[metaSequence] = strconv.FormatUint(meta.Sequence.Stream, 10)
	md[metaStored] = meta.Timestamp.UTC().Format(time.RFC3339Nano)
	md[metaDeliveries] = strconv.FormatUint(meta.NumDelivered, 10)
}

// uuidShape keeps what a source chose to write out of the log lines of Watermill, which
// show a message's UUID.
var uuidShape = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func uuidOf(md message.Metadata) string {
	for _, id := range []string{md[wmnats.WatermillUUIDHdr], md[headerID]} {
		if uuidShape.MatchString(id) {
			return id
		}
	}
	return md[metaStream] + "-" + md[metaSequence]
}
