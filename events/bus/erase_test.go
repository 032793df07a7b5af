package bus_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nuid"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// The last request stays, so that the file stays: without the overwriting the bytes would
// be in it until the server happens to compact it.
func TestADeletedRequestIsNowhereInTheStore(t *testing.T) {
	s := provisioned(t)
	ours, c := s.connect(t, "orchestrator"), newClient(t, s, "billing")
	secrets := []string{"mary.major@example.com", "john.stiles@example.com", "richard.roe@example.com"}
	for _, secret := range secrets {
		r := events.Request{Identifiers: []events.Identifier{{Type: "email", Value: events.Private(secret)}}}
		if _, err := c.Publish(t.Context(), r, nuid.Next()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the last request is in the store's files", func() bool { return holds(t, s.cfg.StoreDir, secrets[2]) })
	requests := subscribeRequests(t, ours, "billing")
	for range secrets {
		msg := take(t, requests)
		if bus.DeliveryOf(msg).Sequence < 3 {
			dispose(t, ours, msg)
			continue
		}
		msg.Nack()
	}
	requireErased := func(when string) {
		for _, secret := range secrets[:2] {
			if holds(t, s.cfg.StoreDir, secret) {
				t.Errorf("%s is in the store %s", secret, when)
			}
		}
	}
	requireErased("after the delete")
	if err := s.server.Restart(); err != nil {
		t.Fatal(err)
	}
	requireErased("after a restart")
	if !holds(t, s.cfg.StoreDir, secrets[2]) {
		t.Error("the request that nobody deleted is gone")
	}
}

// holds reports whether any file below dir has the bytes.
func holds(t *testing.T, dir string, what string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || bytes.Contains(data, []byte(what))
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
