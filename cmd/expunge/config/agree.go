package config

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"
)

// agree reports what is wrong with the parts together.
func (c *Config) agree(n node) {
	c.agreeListen(n)
	if !n.has("plans") && !n.has("sources") {
		if !n.has("workers") {
			n.bad("neither plans nor workers: expunge config example prints a file to start from")
		}
		return // for workers alone; the plans are the orchestrator's
	}
	if !n.has("data") {
		n.at("data").bad("missing: the folder of everything that must survive")
	}
	if len(c.Sources) == 0 {
		n.at("sources").bad("missing: without a source nobody may send requests")
	}
	if len(c.Plans) == 0 {
		n.at("plans").bad("missing: without a plan nothing could be erased")
	}
	if !n.at("nats").has("embedded") && !n.at("nats").has("url") {
		n.at("nats").bad("missing: give embedded or url")
	}
	c.agreeSources(n.at("sources"))
	if c.Retention != 0 && c.Retention < leastRetention {
		n.at("retention").bad("at least 90d: as long as idempotency keys lead to what they were used for")
	}
	c.agreeHTTP(n.at("http").at("source"))
	c.agreeWorkers(n.at("workers"))
	c.agreeAccounts(n.at("nats").at("accounts"))
}

const leastRetention = 90 * 24 * time.Hour

// agreeListen: whoever reaches the API may erase anybody, as long as it asks nobody who
// they are.
func (c *Config) agreeListen(n node) {
	at := n.at("http").at("listen")
	if Loopback(c.HTTP.Listen) {
		return
	}
	at.bad("%s is not a loopback address: the API does not authenticate yet, so only 127.0.0.1, [::1] and localhost are served", c.HTTP.Listen)
}

// Loopback reports whether host:port can be reached from this machine only.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// agreeHTTP settles in whose name requests over HTTP come in.
func (c *Config) agreeHTTP(n node) {
	names := c.SourceNames()
	switch {
	case c.HTTP.Source == "" && len(names) == 1:
		c.HTTP.Source = names[0]
	case c.HTTP.Source == "" && len(names) > 1:
		n.bad("missing: there is more than one source, %v", names)
	case c.HTTP.Source != "" && !slices.Contains(names, c.HTTP.Source):
		n.bad("no source %q; there are %v", c.HTTP.Source, names)
	}
}

func (c *Config) agreeSources(n node) {
	for name, s := range c.Sources {
		at := n.at(name)
		if _, ok := c.Plans[s.Plan]; s.Plan != "" && !ok {
			at.at("plan").bad("no plan %q; there are %v", s.Plan, sorted(c.Plans))
		}
		due, ok := c.Regimes[s.Regime]
		if s.Regime != "" && !ok {
			at.at("regime").bad("no regime %q; there are %v", s.Regime, sorted(c.Regimes))
		}
		if grace := c.Plans[s.Plan].Grace; ok && grace > due {
			at.at("plan").bad("the grace of plan %s, %s, is longer than the regime %s allows: %s", s.Plan, grace, s.Regime, due)
		}
	}
}

func (c *Config) agreeWorkers(n node) {
	known := c.Participants()
	for _, name := range sorted(c.Workers) {
		if !slices.Contains(known, name) {
			n.at(name).bad("unknown participant: no plan has it; the plans have %v", known)
		}
		c.agreeTarget(n.at(name), c.Workers[name])
		for _, plan := range sorted(c.Plans) {
			if spec, ok := c.Plans[plan].Spec(name); ok {
				c.Workers[name].fit(n.at(name), c.Plans[plan], spec)
			}
		}
	}
}

func (c *Config) agreeAccounts(n node) {
	known := c.Participants()
	for _, name := range sorted(c.NATS.Accounts.Participants) {
		if !slices.Contains(known, name) {
			n.at("participants").at(name).bad("unknown participant: no plan has it; the plans have %v", known)
		}
	}
	for _, name := range sorted(c.NATS.Accounts.Sources) {
		if _, ok := c.Sources[name]; !ok {
			n.at("sources").at(name).bad("unknown source; there are %v", sorted(c.Sources))
		}
	}
	if c.NATS.Embedded == nil {
		return
	}
	for _, name := range known {
		if len(c.NATS.Accounts.Participants[name]) == 0 {
			n.at("participants").at(name).bad("missing: without a public user key no worker can connect")
		}
	}
}

// Participants are the names of the participants of all plans, sorted.
func (c Config) Participants() []string {
	names := map[string]bool{}
	for _, p := range c.Plans {
		for _, s := range p.Participants {
			names[s.Name] = true
		}
	}
	return sorted(names)
}

// SourceNames are the names of the sources, sorted.
func (c Config) SourceNames() []string { return sorted(c.Sources) }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
