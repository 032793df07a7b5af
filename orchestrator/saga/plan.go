package saga

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// Plan says who takes part in an erasure, in which order, and how patiently. A saga is
// bound to the digest of its plan at its start.
type Plan struct {
	Name         string        `json:"name"`
	Participants []Spec        `json:"participants"` // sorted by name, at least one
	Quiet        time.Duration `json:"quiet"`        // between the first and the last count; 0: one count
	Grace        time.Duration `json:"grace"`        // between suspend and pivot
	// Fresh is how old the last look at the shares may be at the pivot before they are
	// looked at again.
	Fresh time.Duration `json:"fresh,omitempty"`
	// Scoped means that it covers less than the configured plan: see [Plan.Narrow].
	Scoped bool `json:"scoped,omitempty"`
	// Single are the identifier types of which a subject has one value: a second one parks
	// the saga before its pivot.
	Single       []string      `json:"single,omitempty"`
	Permit       time.Duration `json:"permit"`   // life of a permit as the worker counts it
	Margin       time.Duration `json:"margin"`   // how much longer the orchestrator waits before it is dead
	Attempts     int           `json:"attempts"` // granted permits per round before a step is parked
	Rounds       int           `json:"rounds"`   // times a share may be erased again before it is parked
	BackoffFirst time.Duration `json:"backoff_first"`
	BackoffMax   time.Duration `json:"backoff_max"`
	Ring         time.Duration `json:"ring"` // how soon an unclaimed doorbell rings again; doubles up to an hour
}

// Spec is one participant's part in a plan.
type Spec struct {
	Name       string   `json:"name"`
	After      []string `json:"after,omitempty"`      // participants whose share must be gone before this one's erase opens
	Needs      []string `json:"needs,omitempty"`      // identifier types; user_id is always there
	Yields     []string `json:"yields,omitempty"`     // identifier types that its resolve may contribute
	Unverified string   `json:"unverified,omitempty"` // ground for a participant that cannot count; empty: it counts
	Suspends   bool     `json:"suspends,omitempty"`   // its share is suspended before the pivot, and restored after a cancel
	MaxItems   int64    `json:"max_items,omitempty"`  // a share with more waits for an operator; 0: no ceiling
	// Beyond are those out of a narrow scope that this one comes after: a union with a plan
	// that erases them knows the order by it.
	Beyond    []string `json:"beyond,omitempty"`
	Bystander bool     `json:"bystander,omitempty"` // outside a narrow scope: it resolves for others, and keeps its share
}

// Resolves reports whether the participant is asked before anything is touched: it counts
// a baseline, yields identifiers, or both.
func (s Spec) Resolves() bool { return s.Unverified == "" || len(s.Yields) > 0 }

// verbs are the steps that a share begins with.
func (s Spec) verbs() (out []Verb) {
	if s.Resolves() {
		out = append(out, Resolve)
	}
	if s.Bystander {
		return out
	}
	if s.Suspends {
		out = append(out, Suspend)
	}
	return append(out, Erase)
}

// Verifies reports whether the participant is counted at the end.
func (s Spec) Verifies() bool { return s.Unverified == "" && !s.Bystander }

// UserID is the identifier type that every saga has from its start, or is bound to before
// anything is touched.
const UserID = "user_id"

// Defaults of a plan's figures, used by [Plan.WithDefaults] where one is zero.
const (
	DefaultPermit       = 60 * time.Second
	DefaultMargin       = 5 * time.Second
	DefaultAttempts     = 8
	DefaultRounds       = 5
	DefaultBackoffFirst = 2 * time.Second
	DefaultBackoffMax   = 15 * time.Minute
	DefaultRing         = time.Minute
	DefaultFresh        = 15 * time.Minute
)

// WithDefaults returns the plan with its zero figures replaced and its participants in
// order.
func (p Plan) WithDefaults() Plan {
	or := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	or(&p.Permit, DefaultPermit)
	or(&p.Margin, DefaultMargin)
	or(&p.BackoffFirst, DefaultBackoffFirst)
	or(&p.BackoffMax, DefaultBackoffMax)
	or(&p.Ring, DefaultRing)
	or(&p.Fresh, DefaultFresh)
	if p.Attempts == 0 {
		p.Attempts = DefaultAttempts
	}
	if p.Rounds == 0 {
		p.Rounds = DefaultRounds
	}
	p.Participants = slices.Clone(p.Participants)
	sort.Slice(p.Participants, func(i, j int) bool { return p.Participants[i].Name < p.Participants[j].Name })
	return p
}

// Digest identifies the plan's content: hexadecimal SHA-256 over its JSON.
func (p Plan) Digest() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("saga: a plan is always JSON: " + err.Error()) // strings and integers only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Spec returns the participant's part, and whether it has one.
func (p Plan) Spec(name string) (Spec, bool) {
	i := slices.IndexFunc(p.Participants, func(s Spec) bool { return s.Name == name })
	if i < 0 {
		return Spec{}, false
	}
	return p.Participants[i], true
}

// Validate reports everything that makes the plan unfit, joined.
func (p Plan) Validate() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if p.Name == "" {
		bad("name: missing")
	}
	if len(p.Participants) == 0 {
		bad("participants: a plan without participants would complete without erasing anything")
	}
	if len(p.Participants) > 0 && !slices.ContainsFunc(p.Participants, func(s Spec) bool { return !s.Bystander }) {
		bad("participants: nobody in it erases anything")
	}
	p.validateFigures(bad)
	p.validateNames(bad)
	p.validateNeeds(bad)
	if c := p.cycle(func(s Spec) []string { return s.After }); c != "" {
		bad("participants: after: cycle %s", c)
	}
	if c := p.cycle(p.resolvedBy); c != "" {
		bad("participants: needs: cycle %s", c)
	}
	return errors.Join(faults...)
}

func (p Plan) validateFigures(bad func(string, ...any)) {
	durations := []struct {
		name string
		d    time.Duration
	}{{"quiet", p.Quiet}, {"grace", p.Grace}, {"permit", p.Permit - 1}, {"margin", p.Margin},
		{"backoff_first", p.BackoffFirst - 1}, {"backoff_max", p.BackoffMax - p.BackoffFirst}, {"ring", p.Ring - 1}, {"fresh", p.Fresh - 1}}
	for _, f := range durations {
		if f.d < 0 {
			bad("%s: too small", f.name)
		}
	}
	if p.Attempts < 1 {
		bad("attempts: at least 1")
	}
	if p.Rounds < 1 {
		bad("rounds: at least 1")
	}
}

func (p Plan) validateNames(bad func(string, ...any)) {
	for i, s := range p.Participants {
		switch {
		case s.Name == "":
			bad("participants[%d].name: missing", i)
		case i > 0 && p.Participants[i-1].Name == s.Name:
			bad("participants: %s is there twice", s.Name)
		case i > 0 && p.Participants[i-1].Name > s.Name:
			bad("participants: not sorted by name at %s", s.Name)
		}
		if s.MaxItems < 0 {
			bad("participants: %s: max_items: not below zero", s.Name)
		}
		for _, a := range s.After {
			if t, ok := p.Spec(a); !ok || t.Bystander {
				bad("participants: %s: after: no participant %q that erases", s.Name, a)
			}
		}
	}
}

func (p Plan) validateNeeds(bad func(string, ...any)) {
	for _, s := range p.Participants {
		for _, n := range s.Needs {
			if n != UserID && len(p.yielders(n)) == 0 {
				bad("participants: %s: needs %s, which nobody yields", s.Name, n)
			}
		}
		if s.names() && s.needsUser() {
			bad("participants: %s: yields user_id: needs must say by which types it finds one, and not be user_id itself", s.Name)
		}
	}
}

// yielders returns the names of the participants that may contribute identifier type typ.
func (p Plan) yielders(typ string) (names []string) {
	for _, s := range p.Participants {
		if slices.Contains(s.Yields, typ) {
			names = append(names, s.Name)
		}
	}
	return names
}

// resolvedBy returns the participants that must have resolved before s can. Who names the
// user id is not among them: a saga is bound to it before the others resolve.
func (p Plan) resolvedBy(s Spec) (names []string) {
	for _, n := range s.Needs {
		for _, y := range p.yielders(n) {
			if y != s.Name && n != UserID {
				names = append(names, y)
			}
		}
	}
	return names
}

// cycle returns a cycle of the graph that edges spans, as "a > b > a", or "".
func (p Plan) cycle(edges func(Spec) []string) string {
	const visiting, done = 1, 2
	mark := map[string]int{}
	var path []string
	var visit func(name string) string
	visit = func(name string) string {
		switch mark[name] {
		case visiting:
			from := slices.Index(path, name)
			return strings.Join(append(path[from:], name), " > ")
		case done:
			return ""
		}
		mark[name] = visiting
		path = append(path, name)
		s, _ := p.Spec(name)
		for _, to := range edges(s) {
			if c := visit(to); c != "" {
				return c
			}
		}
		mark[name], path = done, path[:len(path)-1]
		return ""
	}
	for _, s := range p.Participants {
		if c := visit(s.Name); c != "" {
			return c
		}
	}
	return ""
}
