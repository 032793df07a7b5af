package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"
)

// Config says how to reach the bus. The zero value is nats://127.0.0.1:4222 without
// credentials. At most one of CredsFile, NKeySeedFile, NKey and User may be given.
type Config struct {
	URL          string // one or more, separated by commas
	Name         string // of this client, for the server's monitoring; empty: expunge
	CredsFile    string // a .creds file (JWT and seed)
	NKeySeedFile string // a file that holds a user seed
	NKey         Key    // a user key in memory
	User         string
	Password     string
	TLS          TLS

	// InProcess connects without a socket; URL is then ignored.
	InProcess nats.InProcessConnProvider

	Logger *slog.Logger // nil: discard
	Hooks  Hooks
}

// TLS names PEM files. All empty: no TLS unless the URL's scheme or the server asks for it.
type TLS struct {
	CA   string // who signed the server's certificate; empty: the system's roots
	Cert string // client certificate; needs Key
	Key  string
}

func (c Config) url() string {
	if c.URL == "" {
		return nats.DefaultURL
	}
	return c.URL
}

func (c Config) name() string {
	if c.Name == "" {
		return "expunge"
	}
	return c.Name
}

func (c Config) logger() *slog.Logger { return orDiscard(c.Logger) }

func orDiscard(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

func (c Config) validate() error {
	return errors.Join(c.validateURL(), c.validateCredentials(), c.TLS.validate())
}

func (c Config) validateURL() error {
	if c.InProcess != nil {
		return nil
	}
	for part := range strings.SplitSeq(c.url(), ",") {
		u, err := url.Parse(strings.TrimSpace(part))
		if err != nil {
			return errors.New("url: cannot be parsed") // the error of url.Parse shows the password
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return fmt.Errorf("url: scheme %q: must be nats, tls, ws or wss", u.Scheme)
		}
		if u.Hostname() == "" {
			return errors.New("url: has no host")
		}
	}
	return nil
}

func (c Config) validateCredentials() error {
	n := 0
	for _, given := range []bool{c.CredsFile != "", c.NKeySeedFile != "", !c.NKey.IsZero(), c.User != ""} {
		if given {
			n++
		}
	}
	if n > 1 {
		return errors.New("creds_file, nkey_seed_file, nkey, user: only one may be given")
	}
	if c.Password != "" && c.User == "" {
		return errors.New("password: needs user")
	}
	return nil
}

func (t TLS) validate() error {
	if (t.Cert == "") != (t.Key == "") {
		return errors.New("tls: cert and key need each other")
	}
	return nil
}
