// Package embedded runs the bus inside the process: a nats-server with JetStream, started
// from the same configuration text as an external one. It listens on loopback only.
//
// Only the command and tests import it, so that workers and sources do not link a server.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/expunge-io/expunge/events/bus"
)

const (
	readyWait = 20 * time.Second
	readyStep = 100 * time.Millisecond
)

// Config is a server configuration and how to run it.
type Config struct {
	bus.ServerConfig

	// InProcessOnly opens no port: only connections from within the process are possible.
	InProcessOnly bool
	Logger        *slog.Logger // nil: discard
}

// Server is a running server.
type Server struct {
	cfg     Config
	unlock  func()
	stalled chan struct{} // holds one at most

	mu      sync.Mutex
	current *server.Server
	port    int
}

// Start runs a server and returns once it takes connections. The store directory is made
// if it is not there, and closed to everybody but its owner; a store that another process
// uses is refused.
func Start(cfg Config) (*Server, error) {
	if err := validate(cfg); err != nil {
		return nil, fmt.Errorf("embedded bus: %w", err)
	}
	if err := privateDir(cfg.StoreDir); err != nil {
		return nil, fmt.Errorf("embedded bus: store_dir: %w", err)
	}
	unlock, err := lock(filepath.Join(cfg.StoreDir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("embedded bus: store_dir: %w", err)
	}
	s := &Server{cfg: cfg, port: cfg.Port, unlock: unlock, stalled: make(chan struct{}, 1)}
	if err := s.launch(); err != nil {
		unlock()
		return nil, fmt.Errorf("embedded bus: %w", err)
	}
	return s, nil
}

func validate(cfg Config) error {
	var errs []error
	if host := cfg.Host; host != "" && !isLoopback(host) {
		errs = append(errs, fmt.Errorf("host %q: must be a loopback address; run a nats-server of its own to be reached from elsewhere", host))
	}
	if cfg.StoreDir == "" {
		return errors.Join(append(errs, errors.New("store_dir: is missing"))...)
	}
	return errors.Join(errs...)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

func (s *Server) launch() error {
	opts, err := s.options()
	if err != nil {
		return err
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	log := newLogger(s.cfg.Logger, s.stalled)
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	if err := ready(srv, log.fatal); err != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
		return err
	}
	s.current = srv
	if addr, ok := srv.Addr().(*net.TCPAddr); ok {
		s.port = addr.Port // a restart comes back where the clients look for it
	}
	return nil
}

// ready waits for the server, which does not say when it cannot start, but to its log.
func ready(srv *server.Server, fatal <-chan string) error {
	for range int(readyWait / readyStep) {
		select {
		case line := <-fatal:
			return errors.New(line)
		default:
		}
		if srv.ReadyForConnections(readyStep) {
			return nil
		}
	}
	return fmt.Errorf("not ready after %s, see the log", readyWait)
}

func (s *Server) options() (*server.Options, error) {
	cfg := s.cfg.ServerConfig
	cfg.Port = s.port
	dir, err := filepath.Abs(cfg.StoreDir)
	if err != nil {
		return nil, err
	}
	cfg.StoreDir = dir
	text, err := cfg.Text()
	if err != nil {
		return nil, err
	}
	opts := &server.Options{NoSigs: true, DontListen: s.cfg.InProcessOnly}
	if err := opts.ProcessConfigString(text); err != nil {
		return nil, err
	}
	return opts, nil
}

// URL is where clients on this machine connect; empty with InProcessOnly.
func (s *Server) URL() string {
	if s.cfg.InProcessOnly {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.ClientURL()
}

// InProcessConn makes a connection without a socket: a Server is what [bus.Config] takes
// as InProcess.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.InProcessConn()
}

// Restart stops the server and starts it again on the same store and port. Connections
// come back by themselves. It is what ends a stall after a full disk: JetStream does not
// recover from one by itself.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
	s.calm()
	if err := s.launch(); err != nil {
		return fmt.Errorf("embedded bus: restart: %w", err)
	}
	return nil
}

// Shutdown stops the server and returns once its files are closed.
func (s *Server) Shutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
	s.unlock()
}

func (s *Server) halt() {
	s.current.Shutdown()
	s.current.WaitForShutdown()
}
