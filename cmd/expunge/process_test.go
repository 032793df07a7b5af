package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// devProcess is expunge dev as a process of its own.
type devProcess struct {
	cmd       *exec.Cmd
	bus, http string // where it can be reached
}

var readyLine = regexp.MustCompile(`^ready: bus (\S+), HTTP (http://\S+),`)

// startDev returns once dev says that it is ready. It is killed with the test.
func startDev(t *testing.T, folder string) *devProcess {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := &devProcess{cmd: exec.Command(self, "dev", "--data", folder, "--nats", "-1", "--http", "127.0.0.1:0", "--log-level", "error")}
	d.cmd.Env = append(os.Environ(), asMain+"=1")
	d.cmd.Stderr = &testWriter{t: t}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait() // most often it has been waited for
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("dev ended before it was ready")
	}
	m := readyLine.FindStringSubmatch(lines.Text())
	if m == nil {
		t.Fatalf("first line of dev: %s", lines.Text())
	}
	d.bus, d.http = m[1], m[2]
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return d
}

// kill is kill -9.
func (d *devProcess) kill(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait() // killed is what it is to be
}

func (d *devProcess) stop(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("dev after SIGTERM: %v", err)
	}
}

// testWriter logs what dev says.
type testWriter struct{ t *testing.T }

func (w *testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}
