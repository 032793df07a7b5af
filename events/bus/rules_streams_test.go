package bus_test

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// Set a flag, or clear a Deny, in streams.go to see it fail.
func TestRule10_NoStreamLetsAPublisherActBeyondItsSubject(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	streams := []string{events.StreamCommands, events.StreamEvents, events.StreamControl, events.StreamRequests("demo"), events.StreamRequests("billing")}
	for _, name := range streams {
		stream := openStream(t, ours, name)
		c := stream.CachedInfo().Config
		if c.AllowMsgSchedules || c.AllowRollup || c.AllowMsgTTL || c.AllowMsgCounter || c.AllowAtomicPublish || c.AllowDirect || c.RePublish != nil {
			t.Errorf("%s: %+v", name, c)
		}
		if err := stream.Purge(t.Context()); err == nil {
			t.Errorf("%s was purged", name)
		}
		mayDelete := name == events.StreamRequests("demo") || name == events.StreamRequests("billing")
		if !c.DenyPurge || c.DenyDelete == mayDelete {
			t.Errorf("%s: deny purge %v, deny delete %v", name, c.DenyPurge, c.DenyDelete)
		}
	}
}

// Set PersistMode to async in requestStream or commandStream to see it fail.
func TestRule11_WhatWasAcknowledgedSurvivesTheDeathOfTheServer(t *testing.T) {
	s := newStand(t)
	p := spawn(t, s.cfg)
	s.url = p.url
	s.provision(t)
	for range 3 {
		store(t, s.connect(t, "demo"), events.SubjectRequested("demo"), nuid.Next())
		store(t, s.connect(t, "orchestrator"), events.SubjectCommand("sessions"), nuid.Next())
	}
	p.kill()

	s.startProcess(t)
	ours := s.connect(t, "orchestrator")
	for _, stream := range []string{events.StreamRequests("demo"), events.StreamCommands} {
		if state := streamState(t, ours, stream); state.Msgs != 3 {
			t.Errorf("%s holds %d of 3", stream, state.Msgs)
		}
	}
}

func TestProvisioningAgainChangesNothing(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	store(t, ours, events.SubjectCommand("sessions"), "1")
	before, err := bus.StreamMark(t.Context(), ours, events.StreamCommands)
	if err != nil {
		t.Fatal(err)
	}
	created := consumerInfo(t, ours, events.StreamCommands, "sessions").Created
	s.provision(t)
	after, err := bus.StreamMark(t.Context(), ours, events.StreamCommands)
	if err != nil {
		t.Fatal(err)
	}
	if after != before || after.Lost(before) || after.Sequence != 1 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if !consumerInfo(t, ours, events.StreamCommands, "sessions").Created.Equal(created) {
		t.Error("the consumer was made anew")
	}
}

func TestProvisioningBringsSettingsUpToDateAndAddsWhatIsNew(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	topology := s.cfg.Topology()
	topology.Sources = append(topology.Sources, "shop")
	topology.Limits.RequestBytes = 1 << 22
	if err := bus.Provision(t.Context(), ours, topology); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"demo", "shop"} {
		if got := openStream(t, ours, events.StreamRequests(source)).CachedInfo().Config.MaxBytes; got != 1<<22 {
			t.Errorf("%s: %d bytes", source, got)
		}
	}
}

func TestProvisioningRefusesWhatWouldBreakAPromiseAndDoesTheRest(t *testing.T) {
	for field, cfg := range map[string]jetstream.StreamConfig{
		"allow_msg_schedules": {Subjects: []string{"erasure.command.*"}, Retention: jetstream.WorkQueuePolicy, AllowMsgSchedules: true},
		"allow_rollup_hdrs":   {Subjects: []string{"erasure.command.*"}, Retention: jetstream.WorkQueuePolicy, AllowRollup: true},
		"retention":           {Subjects: []string{"erasure.command.*"}},
		"storage":             {Subjects: []string{"erasure.command.*"}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.MemoryStorage},
		"subjects":            {Subjects: []string{"erasure.command.>"}, Retention: jetstream.WorkQueuePolicy},
		"republish":           {Subjects: []string{"erasure.command.*"}, Retention: jetstream.WorkQueuePolicy, RePublish: &jetstream.RePublish{Destination: "copy.>"}},
	} {
		t.Run(field, func(t *testing.T) {
			s := newStand(t).start(t)
			ours := s.connect(t, "orchestrator")
			js, err := jetstream.New(ours)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Name = events.StreamCommands
			if _, err := js.CreateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			err = bus.Provision(t.Context(), ours, s.cfg.Topology())
			var incompatible *bus.IncompatibleError
			if !errors.As(err, &incompatible) || incompatible.Stream != events.StreamCommands || incompatible.Field != field {
				t.Errorf("%v", err)
			}
			openStream(t, ours, events.StreamRequests("demo"))
		})
	}
}

func TestProvisioningRefusesAForeignConsumer(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	stream := openStream(t, ours, events.StreamCommands)
	if err := stream.DeleteConsumer(t.Context(), "sessions"); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "sessions", FilterSubject: events.SubjectCommand("sessions"), AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	var incompatible *bus.IncompatibleError
	if err := bus.Provision(t.Context(), ours, s.cfg.Topology()); !errors.As(err, &incompatible) || incompatible.Consumer != "sessions" {
		t.Errorf("%v", err)
	}
}

func TestATopologyIsRefusedWithAllItsFaults(t *testing.T) {
	s := newStand(t).start(t)
	err := bus.Provision(t.Context(), s.connect(t, "orchestrator"), bus.Topology{
		Participants: []string{"Sessions", "a", "a"},
		Sources:      []string{"x.y", ""},
		Limits:       bus.Limits{EventBytes: -1},
	})
	requireFaults(t, err, "participants[0]", "participants[2]", "sources[0]", "sources[1]", "limits.event_bytes")
}

func TestAnotherIncarnationOrALowerSequenceIsALoss(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	noted, err := bus.StreamMark(t.Context(), ours, events.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(ours)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), events.StreamEvents); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.StreamMark(t.Context(), ours, events.StreamEvents); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("no stream: %v", err)
	}
	s.provision(t)
	now, err := bus.StreamMark(t.Context(), ours, events.StreamEvents)
	if err != nil || !now.Lost(noted) {
		t.Errorf("%+v after %+v, %v", now, noted, err)
	}
	higher := now
	higher.Sequence++
	if !now.Lost(higher) || higher.Lost(now) {
		t.Error("a lower sequence is a loss, a higher one is not")
	}
}
