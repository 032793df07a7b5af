package config

import "regexp"

func (c *Config) readSources(n node) {
	for name, value := range n.entries() {
		if !checkName(value, name) {
			continue
		}
		s := Source{Regime: "gdpr"}
		value.object(fields{"realm": word(&s.Realm), "plan": text(&s.Plan), "regime": text(&s.Regime)})
		for _, key := range []string{"realm", "plan"} {
			if !value.has(key) {
				value.at(key).bad("missing")
			}
		}
		c.Sources[name] = s
	}
}

func (c *Config) readRegimes(n node) {
	for name, value := range n.entries() {
		if !wordForm.MatchString(name) {
			value.badKey("%q: want %s", name, wordForm)
			continue
		}
		d := c.Regimes[name]
		duration(&d)(value)
		c.Regimes[name] = d
		if d == 0 && value.value.Value != "" {
			value.bad("must be longer than nothing")
		}
	}
}

var wordForm = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// word reads a name of ours.
func word(to *string) func(node) {
	return func(n node) {
		var s string
		text(&s)(n)
		if s != "" && !wordForm.MatchString(s) {
			n.bad("%q: want %s", s, wordForm)
			return
		}
		*to = s
	}
}
