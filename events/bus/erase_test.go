package bus_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

func TestADeletedRequestIsNowhereInTheStore(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	secret := []byte("mary.major@example.com")
	c := newClient(t, s, "billing")
	for _, id := range []string{"one", "two", "three"} {
		r := events.Request{Identifiers: []events.Identifier{{Type: "email", Value: events.Private(secret)}}}
		if _, err := c.Publish(t.Context(), r, id); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the requests are in the store's files", func() bool { return holds(t, s.cfg.StoreDir, secret) })
	requests := subscribeRequests(t, ours, "billing")
	for range 3 {
		dispose(t, ours, take(t, requests))
	}
	requireEmpty(t, ours, events.StreamRequests("billing"))
	if holds(t, s.cfg.StoreDir, secret) {
		t.Error("still there after the delete")
	}
	if err := s.server.Restart(); err != nil {
		t.Fatal(err)
	}
	if holds(t, s.cfg.StoreDir, secret) {
		t.Error("there again after a restart")
	}
}

// holds reports whether any file below dir has the bytes.
func holds(t *testing.T, dir string, what []byte) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || bytes.Contains(data, what)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDeletingWhatIsGoneIsASuccessAndTheRestIsNot(t *testing.T) {
	s := provisioned(t)
	ours := s.connect(t, "orchestrator")
	store(t, s.connect(t, "demo"), events.SubjectRequested("demo"), "1")
	stream := events.StreamRequests("demo")
	for range 2 {
		if err := bus.DeleteSecurely(t.Context(), ours, stream, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := bus.DeleteSecurely(t.Context(), ours, stream, 99); err != nil {
		t.Errorf("never there: %v", err)
	}
	if err := bus.DeleteSecurely(t.Context(), ours, "ERASURE_REQUESTS_nobody", 1); err == nil {
		t.Error("a stream that is not there")
	}
	ring(t, ours, "sessions", 1)
	if err := bus.DeleteSecurely(t.Context(), ours, events.StreamCommands, 1); err == nil {
		t.Error("a command was deleted")
	}
}
