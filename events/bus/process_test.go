package bus_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
)

// asServer is set in the environment of a test binary that is to be a server.
const asServer = "BUS_TEST_SERVER"

func TestMain(m *testing.M) {
	if text := os.Getenv(asServer); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// serve is a server in a process of its own; it ends with its standard input.
func serve(text string) error {
	var cfg bus.ServerConfig
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return err
	}
	s, err := embedded.Start(embedded.Config{ServerConfig: cfg})
	if err != nil {
		return err
	}
	defer s.Shutdown()
	fmt.Println(s.URL())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// process is a server in a process of its own.
type process struct {
	url string
	cmd *exec.Cmd
	in  io.Closer
}

func spawn(t *testing.T, cfg bus.ServerConfig) *process {
	t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server's process says nothing: %v", err)
	}
	return &process{url: strings.TrimSpace(line), cmd: cmd, in: in}
}

func (p *process) stop() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
