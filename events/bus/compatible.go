package bus

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// IncompatibleError says that a stream or consumer on the bus has the name of one of ours
// and a setting that cannot be changed in place, or that somebody set on purpose.
type IncompatibleError struct {
	Stream     string
	Consumer   string // empty: the stream itself
	Field      string // as the nats command line shows it
	Have, Want string
}

func (e *IncompatibleError) Error() string {
	what := "stream " + e.Stream
	if e.Consumer != "" {
		what = "consumer " + e.Consumer + " of " + what
	}
	return fmt.Sprintf("%s exists with %s %s, and must have %s: remove it or rename it, then start again", what, e.Field, e.Have, e.Want)
}

// comparison is one setting that must not differ.
type comparison struct {
	field      string
	have, want any
}

func differs(stream, consumer string, table []comparison) error {
	var errs []error
	for _, c := range table {
		have, want := fmt.Sprint(c.have), fmt.Sprint(c.want)
		if have != want {
			errs = append(errs, &IncompatibleError{Stream: stream, Consumer: consumer, Field: c.field, Have: have, Want: want})
		}
	}
	return errors.Join(errs...)
}

// streamDiffers compares what an update cannot change or must not silently undo. What
// copies messages elsewhere is refused, because copies outlive the secure delete.
func streamDiffers(have, want jetstream.StreamConfig) error {
	slices.Sort(have.Subjects)
	return differs(want.Name, "", []comparison{
		{"subjects", have.Subjects, want.Subjects},
		{"storage", have.Storage, want.Storage},
		{"retention", have.Retention, want.Retention},
		{"mirror", have.Mirror != nil, false},
		{"sources", len(have.Sources), 0},
		{"republish", have.RePublish != nil, false},
		{"subject_transform", have.SubjectTransform != nil, false},
		{"sealed", have.Sealed, false},
		{"no_ack", have.NoAck, false},
		{"deny_delete", have.DenyDelete && !want.DenyDelete, false},
		{"allow_msg_schedules", have.AllowMsgSchedules, false},
		{"allow_rollup_hdrs", have.AllowRollup, false},
		{"allow_msg_ttl", have.AllowMsgTTL, false},
		{"allow_msg_counter", have.AllowMsgCounter, false},
		{"persist_mode", have.PersistMode, want.PersistMode},
	})
}

func consumerDiffers(b binding, have jetstream.ConsumerConfig) error {
	want := b.config()
	return differs(b.stream, b.consumer, []comparison{
		{"deliver_subject", have.DeliverSubject, want.DeliverSubject},
		{"deliver_group", have.DeliverGroup, want.DeliverGroup},
		{"filter_subject", have.FilterSubject, want.FilterSubject},
		{"filter_subjects", len(have.FilterSubjects), 0},
		{"deliver_policy", have.DeliverPolicy, want.DeliverPolicy},
		{"ack_policy", have.AckPolicy, want.AckPolicy},
		{"headers_only", have.HeadersOnly, false},
		{"flow_control", have.FlowControl, false},
	})
}
