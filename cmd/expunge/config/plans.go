package config

import (
	"github.com/expunge-io/expunge/orchestrator/saga"
)

func (c *Config) readPlans(n node) {
	for name, value := range n.entries() {
		if !wordForm.MatchString(name) {
			value.badKey("%q: want %s", name, wordForm)
			continue
		}
		c.Plans[name] = readPlan(name, value)
	}
}

// readPlan reads a plan; what its own check finds is reported at the participant, or the
// figure, that it is about.
func readPlan(name string, n node) saga.Plan {
	p := saga.Plan{Name: name}
	before := len(n.r.faults)
	n.object(fields{
		"quiet":         duration(&p.Quiet),
		"grace":         duration(&p.Grace),
		"fresh":         duration(&p.Fresh),
		"single":        identifierTypes(&p.Single),
		"permit":        duration(&p.Permit),
		"margin":        duration(&p.Margin),
		"attempts":      integer(&p.Attempts, 1, 1000),
		"rounds":        integer(&p.Rounds, 1, 1000),
		"backoff_first": duration(&p.BackoffFirst),
		"backoff_max":   duration(&p.BackoffMax),
		"ring":          duration(&p.Ring),
		"participants":  func(n node) { p.Participants = readParticipants(n) },
	})
	p = p.WithDefaults()
	if len(n.r.faults) == before { // or it would say the same again
		blame(n, p.Validate())
	}
	return p
}

func readMaxItems(n node, s *saga.Spec) {
	var most int
	integer(&most, 1, 1_000_000_000)(n)
	s.MaxItems = int64(most)
}

func readParticipants(n node) (out []saga.Spec) {
	for name, value := range n.entries() {
		if !checkName(value, name) {
			continue
		}
		s := saga.Spec{Name: name}
		value.object(fields{
			"after":      texts(&s.After),
			"needs":      identifierTypes(&s.Needs),
			"yields":     identifierTypes(&s.Yields),
			"unverified": text(&s.Unverified),
			"suspends":   flag(&s.Suspends),
			"max_items":  func(n node) { readMaxItems(n, &s) },
		})
		out = append(out, s)
	}
	return out
}
