package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

func TestReplayYieldsWhatIsOnAStreamFromASequenceOnAndEnds(t *testing.T) {
	s := newLeaseStand(t)
	pub, err := bus.NewPublisher(s.nc, bus.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pub.Close() }()
	sequences := func(from uint64) (got []uint64) {
		for m, err := range bus.Replay(t.Context(), s.nc, events.StreamEvents, from) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, m.Sequence)
		}
		return got
	}
	if got := sequences(1); got != nil {
		t.Errorf("of an empty stream: %v", got)
	}
	for i := range 5 {
		subject := events.SubjectEvent(events.KindAccepted, []string{"billing", "demo"}[i%2])
		if _, err := pub.PublishMessage(t.Context(), subject, fmt.Sprint(i), events.Message{Data: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	for from, want := range map[uint64]string{0: "[1 2 3 4 5]", 4: "[4 5]", 6: "[]"} {
		if got := fmt.Sprint(sequences(from)); got != want {
			t.Errorf("from %d: %s", from, got)
		}
	}
	m, ok, err := bus.Last(t.Context(), s.nc, events.StreamEvents, events.SubjectEvent(events.KindAccepted, "demo"))
	if err != nil || !ok || m.Sequence != 4 {
		t.Errorf("last: %+v, %t, %v", m, ok, err)
	}
	if _, ok, err = bus.Last(t.Context(), s.nc, events.StreamEvents, events.SubjectSummary("demo")); ok || err != nil {
		t.Errorf("of nothing: %t, %v", ok, err)
	}
}

func TestReplaySaysWhenItCannotRead(t *testing.T) {
	s := newLeaseStand(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, err := range bus.Replay(ctx, s.nc, events.StreamEvents, 1) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("it ended with %v", last)
	}
}
