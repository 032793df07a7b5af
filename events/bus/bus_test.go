package bus_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
)

// stand is a server with every account that the tests need, and the keys to them.
type stand struct {
	cfg    bus.ServerConfig
	server *embedded.Server
	url    string
	keys   map[string]bus.Key // by "orchestrator", "operator" or the account's name
}

func newStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{keys: map[string]bus.Key{}}
	s.cfg = bus.ServerConfig{
		Port:         -1,
		StoreDir:     t.TempDir(),
		Orchestrator: []string{s.key(t, "orchestrator")},
		Operators:    []string{s.key(t, "operator")},
		Participants: []bus.Account{
			{Name: "sessions", Keys: []string{s.key(t, "sessions")}},
			{Name: "api-keys", Keys: []string{s.key(t, "api-keys")}},
		},
		Sources: []bus.Account{
			{Name: "billing", Keys: []string{s.key(t, "billing")}},
			{Name: "demo", Keys: []string{s.key(t, "demo")}},
		},
	}
	return s
}

func (s *stand) key(t *testing.T, name string) string {
	t.Helper()
	k, err := bus.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	s.keys[name] = k
	return k.Public()
}

// start runs the server in this process.
func (s *stand) start(t *testing.T) *stand {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{ServerConfig: s.cfg})
	if err != nil {
		t.Fatal(err)
	}
	s.server, s.url = srv, srv.URL()
	t.Cleanup(srv.Shutdown)
	return s
}

// startProcess runs the server in a process of its own.
func (s *stand) startProcess(t *testing.T) *stand {
	t.Helper()
	p := spawn(t, s.cfg)
	s.url = p.url
	t.Cleanup(p.stop)
	return s
}

// provisioned is a running server with all its streams.
func provisioned(t *testing.T) *stand {
	t.Helper()
	s := newStand(t).start(t)
	s.provision(t)
	return s
}

func (s *stand) provision(t *testing.T) {
	t.Helper()
	if err := bus.Provision(t.Context(), s.connect(t, "orchestrator"), s.cfg.Topology()); err != nil {
		t.Fatal(err)
	}
}

func (s *stand) connect(t *testing.T, who string) *nats.Conn {
	t.Helper()
	return dial(t, bus.Config{URL: s.url, NKey: s.keys[who], Name: who})
}

func dial(t *testing.T, cfg bus.Config) *nats.Conn {
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

// requireFaults checks that an error names every one of the fields.
func requireFaults(t *testing.T, err error, fields ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("taken")
	}
	for _, field := range fields {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("does not name %s: %v", field, err)
		}
	}
}
