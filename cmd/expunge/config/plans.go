package config

import (
	"slices"

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
		checkSingle(n.at("single"), p)
	}
	return p
}

// checkSingle refuses types that nobody yields: they would never be compared with anything.
func checkSingle(n node, p saga.Plan) {
	for i, typ := range p.Single {
		yields := func(s saga.Spec) bool { return slices.Contains(s.Yields, typ) }
		if !slices.ContainsFunc(p.Participants, yields) {
			n.list()[i].bad("nobody yields %s", typ)
		}
	}
}

// Ceilings bound how many sagas pass the point of no return within an hour; 0: no bound.
type Ceilings struct {
	Overall   int
	PerSource int
}

func (c *Ceilings) read(n node) {
	n.object(fields{"overall": integer(&c.Overall, 1, 1<<31-1), "per_source": integer(&c.PerSource, 1, 1<<31-1)})
	if c.PerSource > c.Overall && c.Overall > 0 {
		n.at("per_source").bad("is above overall, %d, which is reached before it", c.Overall)
	}
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
			"max_items":  integer(&s.MaxItems, 1, 1<<40),
		})
		out = append(out, s)
	}
	return out
}
