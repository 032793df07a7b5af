package stage

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// TestALinkWaitsForItsPort: somebody else has it at first.
func TestALinkWaitsForItsPort(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLink("link", busy.Addr().(*net.TCPAddr).Port, 1)
	defer l.Close()
	if err := l.proxy.Start(); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("a port that is in use: %v", err)
	}
	restored := make(chan error)
	go func() { restored <- l.Restore() }()
	busy.Close()
	if err := <-restored; err != nil {
		t.Error(err)
	}
}
