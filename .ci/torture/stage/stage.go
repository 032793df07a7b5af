// Package stage sets up what is tortured: a bus, an orchestrator and workers, each a process
// of its own, with a proxy in front of the bus for each of them.
package stage

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/torture/proc"
	"github.com/expunge-io/expunge/torture/world"
)

// The sources that ask. What is posted over HTTP counts as Shop's.
const (
	Shop = "shop"
	Desk = "desk"
)

// Operator is who places holds.
const Operator = "operator"

// Graced is the plan that suspends and waits before its pivot; Grace is for how long.
const (
	Graced = "graced"
	Grace  = 3 * time.Second
)

// PermitLife is the life of a permit in the plan, with its margin.
const PermitLife = 3*time.Second + 500*time.Millisecond

// Stage is everything that is tortured.
type Stage struct {
	Folder       string
	Bus          *proc.Process
	Orchestrator *proc.Process
	Workers      []*proc.Process
	Links        []*Link // to the bus, one for each process and one for the client
	Data         *Data   // the orchestrator's data folder
	BusData      *Data   // that of the bus, which syncs before it acknowledges; nil: an ordinary one, and it does not
	World        *world.World

	ClientURL string // the bus, through the client's link
	DirectURL string // the bus itself, for the checker
	HTTP      string // address of the HTTP door

	expunge, server string // binaries
	httpPort        int
	busPort         int
}

// Binaries are what to run.
type Binaries struct{ Expunge, Server string }

// workers says which participants each worker process runs. Every participant runs in two.
var workers = [][]string{
	{"sessions", "account", "identity-provider"},
	{"api-keys", "verification-images"},
	world.Participants,
}

// New lays everything out below folder and starts nothing.
func New(ctx context.Context, folder string, b Binaries, w *world.World, d, busData *Data) (*Stage, error) {
	s := &Stage{Folder: folder, expunge: b.Expunge, server: b.Server, World: w, Data: d, BusData: busData}
	for _, sub := range []string{"etc", "logs", "bus"} {
		if err := os.MkdirAll(filepath.Join(folder, sub), 0o700); err != nil {
			return nil, err
		}
	}
	var err error
	if s.busPort, err = freePort(ctx); err != nil {
		return nil, err
	}
	if s.httpPort, err = freePort(ctx); err != nil {
		return nil, err
	}
	s.DirectURL, s.HTTP = fmt.Sprintf("nats://127.0.0.1:%d", s.busPort), fmt.Sprintf("127.0.0.1:%d", s.httpPort)
	for _, step := range []func(context.Context) error{s.layClient, s.layOrchestrator, s.layBus, s.layWorkers} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Stage) path(parts ...string) string {
	return filepath.Join(append([]string{s.Folder}, parts...)...)
}

// Seed is the file with the key of a source, a participant, or "orchestrator".
func (s *Stage) Seed(name string) string { return s.path("etc", name+".seed") }

func (s *Stage) key(name string) (public string, err error) {
	k, err := bus.NewKey()
	if err != nil {
		return "", err
	}
	return k.Public(), k.Save(s.Seed(name))
}

// Config is the configuration file of the orchestrator.
func (s *Stage) Config() string { return s.path("etc", "orchestrator.yaml") }

// Command is one run of expunge.
func (s *Stage) Command(args ...string) *exec.Cmd {
	return exec.Command(s.expunge, args...) //nolint:noctx // it is over in a moment
}

// link makes a link to the bus and returns where it is.
func (s *Stage) link(ctx context.Context, name string) (url string, err error) {
	port, err := freePort(ctx)
	if err != nil {
		return "", err
	}
	s.Links = append(s.Links, newLink(name, port, s.busPort))
	return fmt.Sprintf("nats://127.0.0.1:%d", port), nil
}

func (s *Stage) layClient(ctx context.Context) (err error) {
	s.ClientURL, err = s.link(ctx, "client")
	return err
}

func (s *Stage) layBus(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.expunge, "nats", "config", "--config", s.Config(),
		"--store", s.path("bus"), "--port", fmt.Sprint(s.busPort))
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("expunge nats config: %w", err)
	}
	config := s.path("etc", "nats.conf")
	s.Bus = s.process("bus", s.server, "-c", config)
	return os.WriteFile(config, text, 0o600)
}

func (s *Stage) layWorkers(ctx context.Context) error {
	for i, names := range workers {
		name := fmt.Sprintf("worker-%d", i+1)
		url, err := s.link(ctx, name)
		if err != nil {
			return err
		}
		config := s.path("etc", name+".yaml")
		if err := os.WriteFile(config, fmt.Appendf(nil, "nats: {url: %q}\nworkers:%s", url, s.World.Config()), 0o600); err != nil {
			return err
		}
		s.Workers = append(s.Workers, s.process(name, s.expunge, "worker", "--config", config, "--participant", strings.Join(names, ",")))
	}
	return nil
}

// WorksFor returns the participants that a process works for; nil: it is no worker.
func (s *Stage) WorksFor(p *proc.Process) []string {
	if i := slices.Index(s.Workers, p); i >= 0 {
		return workers[i]
	}
	return nil
}

func (s *Stage) process(name, path string, args ...string) *proc.Process {
	return proc.New(proc.Spec{Name: name, Path: path, Args: args, Log: s.path("logs", name+".log"),
		Env: []string{"EXPUNGE_TORTURE_CLOCK=" + s.clock(name), "GOMAXPROCS=2"}})
}

// Processes are all of them.
func (s *Stage) Processes() []*proc.Process {
	return append([]*proc.Process{s.Bus, s.Orchestrator}, s.Workers...)
}

// Start starts everything.
func (s *Stage) Start() error {
	for _, l := range s.Links {
		if err := l.Restore(); err != nil {
			return err
		}
	}
	for _, p := range s.Processes() {
		if err := p.Start(); err != nil {
			return err
		}
	}
	return nil
}

// AwaitReady returns once the orchestrator serves requests.
func (s *Stage) AwaitReady(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.Ready(ctx) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the orchestrator is not ready; see %s: %w", s.Orchestrator.Log(), ctx.Err())
		}
	}
}

// Ready reports whether the orchestrator says that it serves.
func (s *Stage) Ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.HTTP+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Stop ends everything, as a service manager does.
func (s *Stage) Stop() error {
	for i := range s.Processes() {
		p := s.Processes()[len(s.Processes())-1-i] // the bus last
		p.Thaw()
		if err := p.Stop(); err != nil {
			return err
		}
	}
	for _, l := range s.Links {
		l.Close()
	}
	return nil
}

// freePort is a port that was free a moment ago.
func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
