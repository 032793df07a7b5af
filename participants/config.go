package participants

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/expunge-io/expunge/events"
)

// Config of a [Worker]. Name, Participant and Bus are required; every other field has a
// default that its zero value stands for.
type Config struct {
	Name        string      // of the participant, as the plans call it
	Participant Participant // its optional abilities are found by type assertion
	Bus         Bus

	Instance string // identifies this process; default: random
	Version  string // of the worker's software; default: unknown

	Concurrency   int           // steps worked on at once, those that wait for their receipt included; default 8
	AnswerTimeout time.Duration // wait for one answer of the orchestrator, at most 20 s; default 5 s
	StopTimeout   time.Duration // from the end of Run's context to the return of Run; default 75 s

	Logger *slog.Logger     // default: discard
	Now    func() time.Time // wall clock told to the orchestrator; default time.Now. Permits never depend on it
	Hooks  Hooks            // for metrics
}

const (
	defaultConcurrency   = 8
	maxConcurrency       = 1024
	defaultAnswerTimeout = 5 * time.Second
	maxAnswerTimeout     = 20 * time.Second // with the wait for a slot less than bus.AckWait
	defaultStopTimeout   = 75 * time.Second // one permit of the usual 60 s, and its report
)

func (c Config) withDefaults() Config {
	if c.Instance == "" {
		c.Instance = rand.Text()
	}
	if c.Version == "" {
		c.Version = "unknown"
	}
	if c.Concurrency == 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.AnswerTimeout == 0 {
		c.AnswerTimeout = defaultAnswerTimeout
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = defaultStopTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	typeForm  = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	labelForm = regexp.MustCompile(`^[ -~]{0,128}$`) // as the wire takes it; empty: the default
)

// validate reports everything that is wrong, joined.
func (c Config) validate() error {
	var faults []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	bad(!nameForm.MatchString(c.Name), "name: want [a-z0-9-]{1,64}")
	bad(c.Participant == nil, "participant: missing")
	bad(c.Bus == nil, "bus: missing")
	bad(!labelForm.MatchString(c.Instance), "instance: want at most 128 printable ASCII characters")
	bad(!labelForm.MatchString(c.Version), "version: want at most 128 printable ASCII characters")
	bad(c.Concurrency < 0 || c.Concurrency > maxConcurrency, "concurrency: want 1 to %d", maxConcurrency)
	bad(c.AnswerTimeout < 0 || c.AnswerTimeout > maxAnswerTimeout, "answer timeout: want at most %s", maxAnswerTimeout)
	bad(c.StopTimeout < 0, "stop timeout: negative")
	faults = append(faults, typeFaults("needs", abilitiesOf(c.Participant).needs)...)
	faults = append(faults, typeFaults("yields", abilitiesOf(c.Participant).yields)...)
	return errors.Join(faults...)
}

func typeFaults(field string, types []events.IdentifierType) (faults []error) {
	for i, t := range types {
		if !typeForm.MatchString(string(t)) {
			faults = append(faults, fmt.Errorf("%s[%d]: want [a-z0-9_]{1,32}", field, i))
		}
	}
	return faults
}
