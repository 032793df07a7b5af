package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// Config is what an orchestrator is made of. Store, Keys, Conn, Plans and Sources are
// required; the zero value of everything else is a default.
type Config struct {
	Store storage.Store
	Keys  *vault.Keys
	// Conn is a connection of the orchestrator's own user. The control stream must be there.
	Conn *nats.Conn
	// Provision makes the other streams and consumers. It is called once the bus is held.
	// Nil: they are there.
	Provision func(ctx context.Context) error

	Plans   map[string]saga.Plan // by name; defaults are filled in
	Sources map[string]Source    // by name
	// Ceilings bound how many sagas pass their pivot within an hour.
	Ceilings Ceilings
	// Retention is how long the record of a finished saga is kept: at least 90 days, as long
	// as idempotency keys lead to it. Then its chain head, end and time are left. 0: for ever.
	Retention time.Duration
	// CompactEvery is how often the store gives space back to the file system. 0: never.
	CompactEvery time.Duration
	// Regimes say how long an erasure may take, by name. Nil: [DefaultRegimes].
	Regimes map[string]time.Duration

	// TakeOver takes the bus from an orchestrator of another store that is gone for good.
	// While that one shows signs of life, it is refused.
	TakeOver bool

	Version    string // of the software, shown to who lists services
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Wall is the wall clock; nil: time.Now. Everything goes by a steady clock that is set by
	// it, see [steady], unless Now replaces that.
	Wall func() time.Time
	Now  func() time.Time
}

// Source is a service that may send requests.
type Source struct {
	Realm  string // its user directory
	Plan   string // for requests that name none
	Regime string // for requests that name none; empty: gdpr
}

// DefaultRegimes are the legal limits: one month (GDPR Art. 12(3)), counted as 30 days, and
// 45 days (CCPA, Cal. Civ. Code 1798.130).
func DefaultRegimes() map[string]time.Duration {
	const day = 24 * time.Hour
	return map[string]time.Duration{"gdpr": 30 * day, "ccpa": 45 * day}
}

// DefaultRegime is the regime of a source that names none.
const DefaultRegime = "gdpr"

func (c Config) withDefaults() Config {
	if c.Regimes == nil {
		c.Regimes = DefaultRegimes()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.Provision == nil {
		c.Provision = func(context.Context) error { return nil }
	}
	if c.Wall == nil {
		c.Wall = time.Now
	}
	plans := make(map[string]saga.Plan, len(c.Plans))
	for name, p := range c.Plans {
		plans[name] = p.WithDefaults()
	}
	c.Plans = plans
	sources := make(map[string]Source, len(c.Sources))
	for name, s := range c.Sources {
		if s.Regime == "" {
			s.Regime = DefaultRegime
		}
		sources[name] = s
	}
	c.Sources = sources
	return c
}

// validate reports everything that is wrong, joined.
func (c Config) validate() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Store == nil {
		bad("store: missing")
	}
	if c.Keys == nil {
		bad("keys: missing")
	}
	if c.Conn == nil {
		bad("conn: missing")
	}
	if len(c.Plans) == 0 {
		bad("plans: at least one")
	}
	faults = append(faults, c.Ceilings.validate()...)
	if c.Retention != 0 && c.Retention < keyLife {
		bad("retention: at least %s, as long as idempotency keys are remembered", keyLife)
	}
	if c.CompactEvery < 0 {
		bad("compact_every: not below zero")
	}
	if len(c.Sources) == 0 {
		bad("sources: at least one")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Plans)) {
		if err := c.validPlan(name); err != nil {
			bad("plans: %s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Regimes)) {
		if !label.MatchString(name) || c.Regimes[name] <= 0 {
			bad("regimes: %s: needs a label for a name and a time above zero", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		if err := c.validSource(name); err != nil {
			bad("sources: %s: %w", name, err)
		}
	}
	return errors.Join(faults...)
}

// label is the form of plan, regime and realm names on the wire.
var (
	label          = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	identifierType = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	errLabel       = errors.New("a name is 1 to 64 letters, digits, dots, hyphens and underscores")
)

const (
	maxGround      = 1024
	shortestPermit = 100 * time.Millisecond
)

func (c Config) validPlan(name string) error {
	p := c.Plans[name]
	faults := []error{p.Validate()}
	if p.Name != name {
		faults = append(faults, fmt.Errorf("name: is %q", p.Name))
	}
	if !label.MatchString(name) {
		faults = append(faults, errLabel)
	}
	if p.Permit < shortestPermit {
		faults = append(faults, fmt.Errorf("permit: at least %s", shortestPermit))
	}
	for _, s := range p.Participants {
		if err := bus.CheckName(s.Name); err != nil {
			faults = append(faults, fmt.Errorf("participants: %q: %w", s.Name, err))
		}
		for _, typ := range slices.Concat(s.Needs, s.Yields) {
			if !identifierType.MatchString(typ) {
				faults = append(faults, fmt.Errorf("participants: %s: %q: an identifier type is 1 to 32 lower-case letters, digits and underscores", s.Name, typ))
			}
		}
		if len(s.Unverified) > maxGround || strings.ContainsFunc(s.Unverified, unicode.IsControl) {
			faults = append(faults, fmt.Errorf("participants: %s: unverified: must be a sentence of at most %d bytes", s.Name, maxGround))
		}
	}
	return errors.Join(faults...)
}

func (c Config) validSource(name string) error {
	s := c.Sources[name]
	faults := []error{bus.CheckName(name)}
	if !label.MatchString(s.Realm) {
		faults = append(faults, fmt.Errorf("realm: %w", errLabel))
	}
	p, ok := c.Plans[s.Plan]
	if !ok {
		faults = append(faults, fmt.Errorf("plan: no plan %q", s.Plan))
	}
	due, ok := c.Regimes[s.Regime]
	if !ok {
		faults = append(faults, fmt.Errorf("regime: no regime %q", s.Regime))
	}
	if ok && p.Grace > due {
		faults = append(faults, fmt.Errorf("plan: the grace of %s, %s, is longer than the regime %s allows: %s", s.Plan, p.Grace, s.Regime, due))
	}
	return errors.Join(faults...)
}

// participants returns the names over all plans, sorted: the closed set of labels.
func (c Config) participants() []string {
	set := map[string]bool{}
	for _, p := range c.Plans {
		for _, s := range p.Participants {
			set[s.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}
