package embedded

import (
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(t *testing.T) (Config, bus.Key) {
	t.Helper()
	key, err := bus.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return Config{ServerConfig: bus.ServerConfig{
		Port:         -1,
		StoreDir:     filepath.Join(t.TempDir(), "bus"),
		Orchestrator: []string{key.Public()},
		Sources:      []bus.Account{{Name: "demo"}},
	}}, key
}

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

func connect(t *testing.T, cfg bus.Config) *nats.Conn {
	t.Helper()
	nc, err := bus.Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := bus.WaitConnected(ctx, nc); err != nil {
		t.Fatal(err)
	}
	return nc
}

func TestItListensOnLoopbackOnly(t *testing.T) {
	for _, host := range []string{"0.0.0.0", "::", "192.0.2.1", "bus.example.com"} {
		cfg, _ := config(t)
		cfg.Host = host
		s, err := Start(cfg)
		if err == nil {
			s.Shutdown()
			t.Errorf("%s: started", host)
		} else if !strings.Contains(err.Error(), "host") {
			t.Errorf("%s: the error does not name the field: %v", host, err)
		}
	}
	for _, host := range []string{"", "127.0.0.1", "localhost"} {
		cfg, _ := config(t)
		cfg.Host = host
		addr, err := net.ResolveTCPAddr("tcp", strings.TrimPrefix(start(t, cfg).URL(), "nats://"))
		if err != nil || !addr.IP.IsLoopback() {
			t.Errorf("%q listens on %v, %v", host, addr, err)
		}
	}
}

func TestTheStoreIsClosedToOthers(t *testing.T) {
	cfg, key := config(t)
	if err := os.MkdirAll(cfg.StoreDir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, cfg)
	nc := connect(t, bus.Config{URL: s.URL(), NKey: key})
	if err := bus.Provision(t.Context(), nc, cfg.Topology()); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(cfg.StoreDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAConnectionWithinTheProcessNeedsNoPortAndSurvivesARestart(t *testing.T) {
	cfg, key := config(t)
	cfg.InProcessOnly = true
	s := start(t, cfg)
	if s.URL() != "" {
		t.Errorf("listens on %s", s.URL())
	}
	up := make(chan bool, 16)
	nc := connect(t, bus.Config{InProcess: s, NKey: key, Hooks: bus.Hooks{Connected: func(is bool) { up <- is }}})
	if err := bus.Provision(t.Context(), nc, cfg.Topology()); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if a, b, c := <-up, <-up, <-up; !a || b || !c {
		t.Error("not up, down, up")
	}
	if _, err := bus.StreamMark(t.Context(), nc, events.StreamCommands); err != nil {
		t.Errorf("after the restart: %v", err)
	}
}

func TestARestartKeepsThePort(t *testing.T) {
	cfg, _ := config(t)
	s := start(t, cfg)
	before := s.URL()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if s.URL() != before {
		t.Errorf("moved from %s to %s", before, s.URL())
	}
}

func TestStartNamesWhatIsWrong(t *testing.T) {
	for field, spoil := range map[string]func(*Config){
		"store_dir":    func(c *Config) { c.StoreDir = "" },
		"port":         func(c *Config) { c.Port = 70000 },
		"durability":   func(c *Config) { c.Durability = "brave" },
		"orchestrator": func(c *Config) { c.Orchestrator = []string{"SUAsecret"} },
	} {
		cfg, _ := config(t)
		spoil(&cfg)
		s, err := Start(cfg)
		if err == nil {
			s.Shutdown()
			t.Errorf("%s: started", field)
		} else if !strings.Contains(err.Error(), field) || strings.Contains(err.Error(), "SUAsecret") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestAPortOrAStoreInUseIsRefusedAtOnce(t *testing.T) {
	cfg, _ := config(t)
	s := start(t, cfg)
	if other, err := Start(cfg); err == nil || !strings.Contains(err.Error(), "store_dir") {
		other.Shutdown()
		t.Errorf("two servers on one store: %v", err)
	}
	elsewhere, _ := config(t)
	elsewhere.Port = s.port
	if _, err := Start(elsewhere); err == nil || strings.Contains(err.Error(), "not ready") {
		t.Errorf("two servers on one port: %v", err)
	}
	s.Shutdown()
	start(t, cfg)
}

// Remove sync_interval in ServerConfig.writeServer to see it fail.
func TestRule11_StrictMeansThatEveryWriteIsSynced(t *testing.T) {
	for durability, want := range map[bus.Durability]bool{"": false, bus.DurabilityDefault: false, bus.DurabilityStrict: true} {
		cfg, _ := config(t)
		cfg.Durability = durability
		if got := start(t, cfg).current.JetStreamConfig().SyncAlways; got != want {
			t.Errorf("%q: sync always is %v", durability, got)
		}
	}
}
