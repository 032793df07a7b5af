package config

import "github.com/expunge-io/expunge/participants"

func (c *Config) readTargets(n node) {
	for name, value := range n.entries() {
		if checkName(value, name) {
			c.Targets[name] = readTarget(name, value)
		}
	}
}

func readTarget(name string, n node) participants.TargetConfig {
	t := participants.TargetConfig{Name: name}
	before := len(n.r.faults)
	n.object(fields{
		"rate":     number(&t.Rate),
		"burst":    integer(&t.Burst, 1, 1_000_000),
		"patience": duration(&t.Patience),
		"failures": integer(&t.Failures, 1, 10_000),
		"rest":     duration(&t.Rest),
	})
	if len(n.r.faults) == before {
		if _, err := participants.NewTarget(t); err != nil {
			blame(n, err)
		}
	}
	return t
}

// agreeTarget reports a target that is not there, or that nobody could ask.
func (c *Config) agreeTarget(n node, w Worker) {
	if w.Target == "" {
		return
	}
	if _, ok := c.Targets[w.Target]; !ok {
		n.at("target").bad("unknown target %s; there are %v", w.Target, sorted(c.Targets))
	} else if !w.OverHTTP() {
		n.at("target").bad("has no meaning for sql and redis, which do not ask over HTTP")
	}
}
