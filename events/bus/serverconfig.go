package bus

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nats-io/nkeys"
)

// Durability says when the bus acknowledges.
type Durability string

// The two modes. In both the bus keeps what it acknowledged when a process dies.
const (
	// DurabilityDefault acknowledges before the disk has it: a loss of power may take the
	// last two minutes of the bus. The orchestrator publishes its own part of that again; a
	// request that was stored and not yet taken is lost with it.
	DurabilityDefault Durability = "default"
	// DurabilityStrict fsyncs before each acknowledgement.
	DurabilityStrict Durability = "strict"
)

// ServerConfig describes a nats-server for one orchestrator: an account for everything of
// ours, and an account of its own for each participant and each source. Permissions within
// one account would not be enough: the server answers to any reply subject with its own
// rights, so one user of the account could have it write where another may.
//
// The zero value has no users at all. Nothing outside the orchestrator's account reaches
// the JetStream API.
type ServerConfig struct {
	Host       string     // empty: 127.0.0.1
	Port       int        // 0: 4222; -1: any free one
	StoreDir   string     // for JetStream; required
	StoreBytes int64      // that all streams together may set aside; 0: three quarters of what the disk has free
	Durability Durability // empty: default
	TLS        TLS        // Cert and Key: serve TLS; with CA: clients must have a certificate

	Orchestrator []string // public user keys
	Operators    []string // public user keys; they watch, decide, and reach no stream
	Participants []Account
	Sources      []Account

	// NoAuthSource is the source that a client without credentials is. For development: it
	// lets anybody who reaches the port send requests in its name.
	NoAuthSource string
	// NoAuthOperates lets that source decide as an operator too. For development: whoever
	// tries things out alone is both.
	NoAuthOperates bool
}

// Account is one participant or source and the public user keys of its programs.
type Account struct {
	Name string
	Keys []string
}

// Topology returns the streams and consumers that fit the accounts.
func (c ServerConfig) Topology() Topology {
	return Topology{Participants: namesOf(c.Participants), Sources: namesOf(c.Sources)}
}

func namesOf(accounts []Account) []string {
	var names []string
	for _, a := range accounts {
		names = append(names, a.Name)
	}
	return names
}

// Validate reports everything that is wrong at once; each fault names its field.
func (c ServerConfig) Validate() error {
	errs := []error{
		checkNames("participants", namesOf(c.Participants)),
		checkNames("sources", namesOf(c.Sources)),
		c.validateKeys(),
		c.validateNoAuth(),
		c.validateListen(),
		c.TLS.validate(),
	}
	switch c.Durability {
	case "", DurabilityDefault, DurabilityStrict:
	default:
		errs = append(errs, fmt.Errorf("durability %q: must be default or strict", c.Durability))
	}
	errs = append(errs, checkPositive("store_bytes", c.StoreBytes))
	if !filepath.IsAbs(c.StoreDir) {
		errs = append(errs, errors.New("store_dir: must be an absolute path"))
	}
	return errors.Join(errs...)
}

func (c ServerConfig) validateListen() error {
	if c.Port < -1 || c.Port > 65535 {
		return fmt.Errorf("port %d: must be -1 to 65535", c.Port)
	}
	for field, value := range map[string]string{"host": c.Host, "store_dir": c.StoreDir, "tls.ca": c.TLS.CA, "tls.cert": c.TLS.Cert, "tls.key": c.TLS.Key} {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
			return fmt.Errorf("%s: must not hold quotes, backslashes or control characters", field)
		}
	}
	return nil
}

func (c ServerConfig) validateNoAuth() error {
	if c.NoAuthSource == "" {
		if c.NoAuthOperates {
			return errors.New("no_auth_operates: has no meaning without no_auth_source")
		}
		return nil
	}
	for _, s := range c.Sources {
		if s.Name == c.NoAuthSource && len(s.Keys) > 0 {
			return nil
		}
	}
	return fmt.Errorf("no_auth_source %q: must be a source with a key", c.NoAuthSource)
}

// validateKeys also refuses a key that is there twice: the server would take one of its
// places and say nothing.
func (c ServerConfig) validateKeys() error {
	var errs []error
	seen := map[string]string{}
	check := func(field string, keys []string) {
		for i, key := range keys {
			at := fmt.Sprintf("%s[%d]", field, i)
			if !nkeys.IsValidPublicUserKey(key) {
				errs = append(errs, fmt.Errorf("%s: is not a public user key (U...)", at))
			} else if first, dup := seen[key]; dup {
				errs = append(errs, fmt.Errorf("%s: is the key of %s", at, first))
			}
			seen[key] = at
		}
	}
	check("orchestrator", c.Orchestrator)
	check("operators", c.Operators)
	for _, a := range c.Participants {
		check("participants."+a.Name+".keys", a.Keys)
	}
	for _, a := range c.Sources {
		check("sources."+a.Name+".keys", a.Keys)
	}
	return errors.Join(errs...)
}
