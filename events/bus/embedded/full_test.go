package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// Remove the call of Restart to see it fail: the bus does not come back by itself when the
// disk has room again.
func TestRule12_ARestartEndsTheStallOfAFullDisk(t *testing.T) {
	cfg, key := config(t)
	disk := smallDisk(t)
	cfg.StoreDir = filepath.Join(disk, "bus")
	cfg.StoreBytes = 10 << 30 // more than there is: the disk shall be full, not the quota
	s := start(t, cfg)
	nc := connect(t, bus.Config{URL: s.URL(), NKey: key})
	if err := bus.Provision(t.Context(), nc, cfg.Topology()); err != nil {
		t.Fatal(err)
	}
	pub, err := bus.NewPublisher(nc, bus.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := publishUntilRefused(t, pub)
	t.Logf("after %d messages: %v", stored, err)
	select {
	case <-s.Stalled():
	case <-time.After(10 * time.Second):
		t.Error("a stream has stopped storing, and the server does not tell")
	}

	if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := bus.WaitConnected(t.Context(), nc); err != nil {
		t.Fatal(err)
	}
	if err := bus.Probe(t.Context(), pub); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if _, err := publish(t, pub, "after"); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	mark, err := bus.StreamMark(t.Context(), nc, events.StreamCommands)
	if err != nil || mark.Sequence < uint64(stored) {
		t.Errorf("%d were acknowledged, and the stream is at %d, %v", stored, mark.Sequence, err)
	}
	requireStored(t, nc, stored)
}

// smallDisk is a file system of its own with little room, and a file on it whose removal
// makes room.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("not covered: full disk (a tmpfs cannot be mounted here: %v)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 12<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func publish(t *testing.T, pub *bus.Publisher, id string) (bus.PubAck, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	return pub.PublishMessage(ctx, events.SubjectCommand("sessions"), id, events.Message{Data: make([]byte, 256<<10)})
}

// publishUntilRefused returns how many messages were acknowledged.
func publishUntilRefused(t *testing.T, pub *bus.Publisher) (int, error) {
	t.Helper()
	for n := range 200 {
		if _, err := publish(t, pub, fmt.Sprint(n)); err != nil {
			return n, err
		}
	}
	t.Fatal("the disk is not full")
	return 0, nil
}

func requireStored(t *testing.T, nc *nats.Conn, n int) {
	t.Helper()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := js.GetMsg(events.StreamCommands, uint64(i+1)); err != nil {
			t.Errorf("acknowledged message %d: %v", i+1, err)
		}
	}
}
