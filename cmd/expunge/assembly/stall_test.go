package assembly

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
)

// TestABusThatMetAFullDiskIsRestartedOnceThereIsSpace fills a small disk under a real
// server. The streams stay stalled after the space is back, which is why it is needed.
func TestABusThatMetAFullDiskIsRestartedOnceThereIsSpace(t *testing.T) {
	disk := smallDisk(t)
	b, err := Embed(embedded.Config{InProcessOnly: true, Logger: slog.New(slog.DiscardHandler), ServerConfig: bus.ServerConfig{StoreDir: filepath.Join(disk, "bus")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	nc, err := bus.Connect(b.ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := bus.WaitConnected(t.Context(), nc); err != nil {
		t.Fatal(err)
	}
	limits := bus.Limits{RequestBytes: 1 << 20, CommandBytes: 32 << 20, EventBytes: 1 << 20}
	if err := bus.Provision(t.Context(), nc, bus.Topology{Participants: []string{"p"}, Limits: limits}); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	publish := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := js.Publish(ctx, events.SubjectCommand("p"), make([]byte, 256<<10))
		return err
	}

	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 60<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for n := 0; publish() == nil; n++ {
		if n > 100 {
			t.Fatal("the disk does not fill up")
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if publish() == nil {
		t.Fatal("the stream came back by itself: the guard is not needed any more")
	}

	ctx, cancel := context.WithCancel(t.Context())
	var guard sync.WaitGroup
	guard.Go(func() { b.guard(ctx) })
	defer guard.Wait()
	defer cancel()
	for deadline := time.Now().Add(time.Minute); publish() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("not restarted in a minute")
		}
	}
}

func smallDisk(t *testing.T) string {
	t.Helper()
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=72m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("not covered: a disk that fills up (no tmpfs can be mounted: %s)", bytes.TrimSpace(out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", disk).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	return disk
}
