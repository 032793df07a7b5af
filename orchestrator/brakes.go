package orchestrator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/expunge-io/expunge/storage"
)

// Ceilings bound how many sagas pass their pivot within an hour. Above one, nothing passes
// until an operator releases the brake. Zero: no ceiling.
type Ceilings struct {
	Overall   int
	PerSource int
}

func (c Ceilings) validate() (faults []error) {
	if c.Overall < 0 || c.PerSource < 0 {
		faults = append(faults, errors.New("ceilings: not below zero"))
	}
	return faults
}

// brakeWindow is over which time the ceilings count.
const brakeWindow = time.Hour

// overall stands for all sources in [brakes]; no source is named so.
const overall = "*"

// brakes is what has passed lately, and which brakes are on. It is committed with what it
// counts.
type brakes struct {
	Passed []passing         `json:"passed,omitempty"` // oldest first
	On     map[string]string `json:"on,omitempty"`     // source, or overall: why
}

type passing struct {
	Source string    `json:"source"`
	At     time.Time `json:"at"`
}

func (k brakes) clone() brakes { return brakes{Passed: slices.Clone(k.Passed), On: maps.Clone(k.On)} }

// count returns how many passed since, of one source or overall.
func (k brakes) count(source string, since time.Time) (n int) {
	for _, p := range k.Passed {
		if p.At.After(since) && (source == overall || p.Source == source) {
			n++
		}
	}
	return n
}

// changeBrakes returns those of this batch, to be changed: a copy, see attempt.
func (b *batch) changeBrakes() *brakes {
	k := b.seeBrakes().clone()
	if k.On == nil {
		k.On = map[string]string{}
	}
	b.brakes = &k
	return b.brakes
}

func (b *batch) seeBrakes() brakes {
	if b.brakes != nil {
		return *b.brakes
	}
	return b.o.brakes
}

// ceiling returns which brake keeps a saga from its pivot, and puts it on if this saga
// would be one too many.
func (b *batch) ceiling(l *loaded) string {
	c := b.o.cfg.Ceilings
	source := l.state.Requests[0].Source
	for _, one := range []struct {
		of  string
		max int
	}{{overall, c.Overall}, {source, c.PerSource}} {
		if one.max == 0 {
			continue
		}
		if why := b.seeBrakes().On[one.of]; why != "" {
			return why
		}
		if b.seeBrakes().count(one.of, b.now.Add(-brakeWindow)) >= one.max {
			why := fmt.Sprintf("the brake of %s is on: %d sagas passed their pivot within an hour; look, then release it", brakeName(one.of), one.max)
			b.changeBrakes().On[one.of] = why
			b.tell = append(b.tell, func() {
				b.o.logger.Error("brake on: no saga passes its pivot until an operator releases it", "brake", brakeName(one.of), "ceiling", one.max)
			})
			return why
		}
	}
	return ""
}

func brakeName(of string) string {
	if of == overall {
		return "all sources"
	}
	return "source " + of
}

// passed counts a saga that passed its pivot.
func (b *batch) passed(l *loaded) {
	if b.o.cfg.Ceilings == (Ceilings{}) {
		return
	}
	k := b.changeBrakes()
	old := b.now.Add(-brakeWindow)
	k.Passed = slices.DeleteFunc(k.Passed, func(p passing) bool { return !p.At.After(old) })
	k.Passed = append(k.Passed, passing{Source: l.state.Requests[0].Source, At: b.now})
}

// release takes a brake off: the count begins anew.
func (b *batch) releaseBrake(of string) bool {
	if b.seeBrakes().On[of] == "" {
		return false
	}
	k := b.changeBrakes()
	delete(k.On, of)
	k.Passed = slices.DeleteFunc(k.Passed, func(p passing) bool { return of == overall || p.Source == of })
	return true
}

// metaBrakes is the meta key of the brakes.
const metaBrakes = "brakes"

func (b *batch) keepBrakes() error {
	if b.brakes == nil {
		return nil
	}
	v, err := json.Marshal(b.brakes)
	if err != nil {
		return fmt.Errorf("brakes: %w", err)
	}
	b.meta(metaBrakes, v)
	return nil
}

func (o *Orchestrator) recoverBrakes(get func(key string) ([]byte, error)) error {
	v, err := get(metaBrakes)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(v, &o.brakes)
	}
	if err != nil {
		return fmt.Errorf("brakes: %w", err)
	}
	return nil
}
