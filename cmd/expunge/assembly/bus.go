package assembly

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
)

// Bus is the bus of an orchestrator: a server in this process, or one elsewhere.
type Bus struct {
	server *embedded.Server // nil: elsewhere
	folder string           // of its streams
	ours   bus.Config       // how the orchestrator connects
	log    *slog.Logger
}

// Embed starts a server in this process, and adds a user of its own for the orchestrator
// to its configuration.
func Embed(cfg embedded.Config) (*Bus, error) {
	if err := portIsFree(cfg); err != nil {
		return nil, fmt.Errorf("start the bus: %w", err)
	}
	key, err := bus.NewKey()
	if err != nil {
		return nil, err
	}
	cfg.Orchestrator = append([]string{key.Public()}, cfg.Orchestrator...)
	b := &Bus{folder: cfg.StoreDir, log: cfg.Logger}
	if b.server, err = embedded.Start(cfg); err != nil {
		return nil, fmt.Errorf("start the bus: %w", err)
	}
	b.ours = bus.Config{InProcess: b.server, NKey: key, Logger: b.log}
	return b, nil
}

// portIsFree says at once what the server would say only in its log, after a long wait.
func portIsFree(cfg embedded.Config) error {
	if cfg.InProcessOnly || cfg.Port < 0 {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", net.JoinHostPort(cmp.Or(cfg.Host, "127.0.0.1"), strconv.Itoa(cmp.Or(cfg.Port, defaultPort))))
	if err != nil {
		return err
	}
	return l.Close()
}

const defaultPort = 4222

// Elsewhere is a server that runs on its own.
func Elsewhere(c config.Client, log *slog.Logger) *Bus {
	return &Bus{log: log, ours: clientConfig(c, log)}
}

func clientConfig(c config.Client, log *slog.Logger) bus.Config {
	return bus.Config{
		URL: c.URL, CredsFile: c.CredsFile, NKeySeedFile: c.NKeyFile, User: c.User, Password: c.Password, TLS: c.TLS, Logger: log,
	}
}

// URL is where others reach the bus.
func (b *Bus) URL() string {
	if b.server == nil {
		return b.ours.URL
	}
	return b.server.URL()
}

// Connect returns a connection as the user with a key, from within the process.
func (b *Bus) Connect(ctx context.Context, name string, key bus.Key) (*nats.Conn, error) {
	nc, err := bus.Connect(bus.Config{InProcess: b.server, Name: name, NKey: key, Logger: b.log.With("connection", name)})
	if err != nil {
		return nil, err
	}
	if err := bus.WaitConnected(ctx, nc); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// Close stops the server, if it is ours.
func (b *Bus) Close() {
	if b.server != nil {
		b.server.Shutdown()
	}
}
