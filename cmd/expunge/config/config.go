package config

import (
	"time"

	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/participants"
)

// Config is everything that can be configured. One file may serve the orchestrator, any
// number of workers, or both; [Config.Orchestrates] and [Config.Workers] say which.
type Config struct {
	Data       string         // folder of everything that must survive; required by serve
	HTTP       HTTP           //
	Log        Log            //
	Durability bus.Durability // of the embedded bus; default "default"
	KEKFile    string         // key-encryption key; empty: the file kek in the data folder, made at the first start
	NATS       NATS
	Sources    map[string]Source
	Regimes    map[string]time.Duration // gdpr and ccpa are always there
	Plans      map[string]saga.Plan     // with defaults, valid
	Workers    map[string]Worker        // by participant
	Targets    map[string]participants.TargetConfig
	Ceilings   Ceilings
	// Retention is how long records of finished sagas are kept, at least 90 days; 0: for ever.
	Retention    time.Duration
	CompactEvery time.Duration // 0: never

	// TakeOver is for one start, and therefore nothing that a file could say: take the bus
	// from an orchestrator that is gone for good.
	TakeOver bool
}

// HTTP is the door for requests over HTTP, and for metrics and health.
type HTTP struct {
	Listen string // loopback address; default 127.0.0.1:8080
	Source string // in whose name requests come in; default: the only source
}

// Log says what is logged to standard error.
type Log struct {
	Level  string // debug, info, warn or error; default info
	Format string // text or json; default text
}

// Source is a service that may send requests.
type Source struct {
	Realm  string // the user directory that its user ids belong to; required
	Plan   string // default plan of its requests; required
	Regime string // default regime of its requests; default gdpr
}

// NATS says where the bus is: Embedded, or the URL of a server that was set up with
// expunge nats config.
type NATS struct {
	Embedded *Embedded
	Accounts Accounts
	Limits   bus.Limits // of the streams, in bytes
	Client
}

// Client is how a program reaches the bus, and as whom.
type Client struct {
	URL       string // default nats://127.0.0.1:4222
	CredsFile string
	NKeyFile  string // a file with a user seed
	User      string
	Password  string
	TLS       bus.TLS
}

// Embedded is a NATS server inside the orchestrator's process.
type Embedded struct {
	Port  int    // default 4222; -1: any free one
	Store string // folder of its streams; default: in the data folder
	TLS   bus.TLS
}

// Accounts are the public user keys (U...) of the programs on the bus.
type Accounts struct {
	Orchestrator []string // of an external server; the embedded one needs none
	Operators    []string
	Participants map[string][]string
	Sources      map[string][]string
}

// Orchestrates reports whether the configuration is one for serve.
func (c Config) Orchestrates() bool { return len(c.Plans) > 0 }

func defaults() Config {
	return Config{
		HTTP:       HTTP{Listen: "127.0.0.1:8080"},
		Log:        Log{Level: "info", Format: "text"},
		Durability: bus.DurabilityDefault,
		Sources:    map[string]Source{},
		Regimes:    map[string]time.Duration{"gdpr": 30 * 24 * time.Hour, "ccpa": 45 * 24 * time.Hour},
		Plans:      map[string]saga.Plan{},
		Workers:    map[string]Worker{},
		Targets:    map[string]participants.TargetConfig{},
	}
}

func (c *Config) read(n node) {
	n.object(fields{
		"data":          filename(&c.Data),
		"http":          c.HTTP.read,
		"log":           c.Log.read,
		"durability":    oneOf(&c.Durability, bus.DurabilityDefault, bus.DurabilityStrict),
		"keys":          func(n node) { n.object(fields{"kek_file": keyFile(&c.KEKFile)}) },
		"nats":          c.NATS.read,
		"sources":       c.readSources,
		"regimes":       c.readRegimes,
		"plans":         c.readPlans,
		"ceilings":      c.Ceilings.read,
		"workers":       c.readWorkers,
		"targets":       c.readTargets,
		"retention":     duration(&c.Retention),
		"compact_every": duration(&c.CompactEvery),
	})
	c.agree(n)
}

func (h *HTTP) read(n node) {
	n.object(fields{"listen": address(&h.Listen), "source": text(&h.Source)})
}

func (l *Log) read(n node) {
	n.object(fields{
		"level":  oneOf(&l.Level, "debug", "info", "warn", "error"),
		"format": oneOf(&l.Format, "text", "json"),
	})
}
