package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Waits between two attempts to reconnect: the least, and the most that is added to it at
// random.
const (
	reconnectWait   = 500 * time.Millisecond
	reconnectJitter = 500 * time.Millisecond
)

// Connect returns a connection that never gives up: neither the first attempt nor a later
// one, nor after refused credentials, which an operator may mend. It therefore returns
// before the bus was reached; [WaitConnected] waits. The caller closes it.
//
// What is published while the connection is down fails at once instead of being kept and
// sent at some later time.
//
// Errors are faults of cfg, all of them at once, and name the field.
func Connect(cfg Config) (*nats.Conn, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	opts, err := credentials(cfg)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	var self atomic.Pointer[nats.Conn]
	opts = append(opts, endurance(pause(cfg, &self))...)
	opts = append(opts, reports(cfg)...)
	opts = append(opts, nats.Name(cfg.name()))
	if cfg.InProcess != nil {
		opts = append(opts, nats.InProcessServer(cfg.InProcess))
	}
	nc, err := nats.Connect(cfg.url(), opts...)
	if err != nil {
		return nil, fmt.Errorf("bus: url, tls: %w", err)
	}
	self.Store(nc)
	return nc, nil
}

// endurance is what keeps a connection coming back, whatever the server said.
func endurance(pause nats.ReconnectDelayHandler) []nats.Option {
	return []nats.Option{
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(pause),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(20 * time.Second),
		nats.MaxPingsOutstanding(2),
	}
}

// pause says how long to wait before the next attempt, with jitter so that a fleet does
// not come back in one step. It is also the one place that learns of refused credentials:
// the client tells nobody else while it has never been connected.
func pause(cfg Config, self *atomic.Pointer[nats.Conn]) nats.ReconnectDelayHandler {
	return func(attempts int) time.Duration {
		if nc := self.Load(); nc != nil && nc.LastError() != nil {
			cfg.logger().Warn("bus refuses", "error", nc.LastError(), "attempts", attempts)
		}
		return reconnectWait + rand.N(reconnectJitter)
	}
}

func credentials(cfg Config) ([]nats.Option, error) {
	var opts []nats.Option
	var errs []error
	add := func(field string, opt nats.Option, err error) {
		if err == nil {
			err = opt(&nats.Options{}) // files are read here, so that a fault names its field
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
			return
		}
		opts = append(opts, opt)
	}
	if cfg.TLS.CA != "" {
		add("tls.ca", nats.RootCAs(cfg.TLS.CA), nil)
	}
	if cfg.TLS.Cert != "" {
		add("tls.cert, tls.key", nats.ClientCert(cfg.TLS.Cert, cfg.TLS.Key), nil)
	}
	switch {
	case cfg.CredsFile != "":
		_, err := os.Stat(cfg.CredsFile)
		add("creds_file", nats.UserCredentials(cfg.CredsFile), err)
	case cfg.NKeySeedFile != "":
		opt, err := nats.NkeyOptionFromSeed(cfg.NKeySeedFile)
		add("nkey_seed_file", opt, err)
	case !cfg.NKey.IsZero():
		add("nkey", nats.Nkey(cfg.NKey.public, cfg.NKey.sign), nil)
	case cfg.User != "":
		add("user", nats.UserInfo(cfg.User, cfg.Password), nil)
	}
	return opts, errors.Join(errs...)
}

// reports tells the log and the hooks what happens to the connection.
func reports(cfg Config) []nats.Option {
	log, hooks := cfg.logger(), cfg.Hooks
	return []nats.Option{
		nats.ConnectHandler(func(nc *nats.Conn) {
			hooks.connected(true)
			log.Info("bus connected", "url", nc.ConnectedUrlRedacted())
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			hooks.connected(false)
			if err != nil { // nil: closed by us
				log.Warn("bus disconnected", "error", err)
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			log.Warn("bus not reached", "error", err)
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			hooks.connected(true)
			hooks.reconnected()
			log.Info("bus reconnected", "url", nc.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			hooks.asyncError()
			log.Warn("bus complained", "error", err, "subject", subjectOf(sub))
		}),
		nats.ClosedHandler(func(*nats.Conn) {
			hooks.connected(false)
			log.Info("bus connection closed")
		}),
	}
}

func subjectOf(sub *nats.Subscription) string {
	if sub == nil {
		return ""
	}
	return sub.Subject
}

// WaitConnected returns when nc is connected. Its error wraps the context's, and names the
// last fault of the connection.
func WaitConnected(ctx context.Context, nc *nats.Conn) error {
	changed := nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer nc.RemoveStatusListener(changed)
	for {
		if nc.IsConnected() {
			return nil
		}
		if nc.IsClosed() {
			return errors.Join(nats.ErrConnectionClosed, nc.LastError())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("wait for the bus: %w", ctx.Err()), nc.LastError())
		}
	}
}
