package bus_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func openStream(t *testing.T, nc *nats.Conn, stream string) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func streamState(t *testing.T, nc *nats.Conn, stream string) jetstream.StreamState {
	t.Helper()
	return openStream(t, nc, stream).CachedInfo().State
}

// requireEmpty waits until the stream holds no message: acks are not answered.
func requireEmpty(t *testing.T, nc *nats.Conn, stream string) {
	t.Helper()
	eventually(t, stream+" is empty", func() bool { return streamState(t, nc, stream).Msgs == 0 })
}

// eventually polls what the server tells nobody about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not so within 10 s: %s", what)
		}
	}
}
