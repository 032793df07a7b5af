package bus

import (
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
)

// streams lists the configuration of every stream of t. None of them allows schedules,
// roll-ups or purging: each of these lets who may publish act on subjects that it may not
// write, or remove what others have not read.
func (t Topology) streams() []jetstream.StreamConfig {
	limits := t.Limits.withDefaults()
	out := []jetstream.StreamConfig{
		commandStream(limits.CommandBytes),
		eventStream(limits.EventBytes),
		controlStream(),
	}
	for _, source := range t.Sources {
		out = append(out, requestStream(source, limits.RequestBytes))
	}
	return out
}

// requestStream is one source's own: duplicate detection is per stream, and one source
// must not be able to have another's request taken for a repeat.
func requestStream(source string, bytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        events.StreamRequests(source),
		Description: "erasure requests of one source; overwritten once they are recorded",
		Subjects:    []string{events.SubjectRequested(source)},
		Retention:   jetstream.WorkQueuePolicy,
		Storage:     jetstream.FileStorage,
		Replicas:    1, // more of them would keep what secure delete removes here
		Discard:     jetstream.DiscardNew,
		MaxBytes:    bytes,
		MaxMsgSize:  mega,
		Duplicates:  requestsDedup,
		DenyPurge:   true,
		DenyDelete:  false, // DeleteSecurely
	}
}

func commandStream(bytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        events.StreamCommands,
		Description: "doorbells for participants; they permit nothing and name nobody",
		Subjects:    []string{events.SubjectCommand("*")},
		Retention:   jetstream.WorkQueuePolicy,
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    bytes,
		MaxMsgSize:  mega,
		Duplicates:  commandsDedup,
		DenyPurge:   true,
		DenyDelete:  true,
	}
}

func eventStream(bytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        events.StreamEvents,
		Description: "lifecycle events and summaries; people appear as keyed pseudonyms",
		Subjects:    []string{"erasure.event.>", "erasure.summary.>"},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxAge:      eventsAge,
		MaxBytes:    bytes,
		MaxMsgSize:  mega,
		Duplicates:  commandsDedup,
		DenyPurge:   true,
		DenyDelete:  true,
	}
}

func controlStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              events.StreamControl,
		Description:       "the lease of the one orchestrator",
		Subjects:          []string{"erasure.control.>"},
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardOld,
		MaxMsgsPerSubject: 1,
		MaxBytes:          mega,
		Duplicates:        requestsDedup,
		DenyPurge:         true,
		DenyDelete:        true,
	}
}

// bindings lists where the consumers of t are.
func (t Topology) bindings() []binding {
	var out []binding
	for _, p := range t.Participants {
		out = append(out, commandBinding(p))
	}
	for _, s := range t.Sources {
		out = append(out, requestBinding(s))
	}
	return out
}

// consumer is a push consumer for a group of subscribers: they need no API right, no
// look-up, and none of them can delete it. A message is delivered until it is
// acknowledged; the orchestrator ends a hopeless one, not the bus.
func (b binding) config() jetstream.ConsumerConfig {
	inFlight := CommandsInFlight
	if b.stream != events.StreamCommands {
		inFlight = RequestsInFlight
	}
	return jetstream.ConsumerConfig{
		Name:           b.consumer,
		Durable:        b.consumer,
		FilterSubject:  b.subject,
		DeliverSubject: b.deliver,
		DeliverGroup:   b.group,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        AckWait,
		MaxAckPending:  inFlight,
		MaxDeliver:     -1,
	}
}
