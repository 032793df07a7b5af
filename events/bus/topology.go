package bus

import (
	"errors"
	"fmt"
	"time"
)

// What every consumer of ours is made with. A subscriber uses the same figures, so they
// are not for configuration.
const (
	// AckWait is how long a taken message may stay unacknowledged before the bus delivers
	// it again.
	AckWait = 30 * time.Second
	// CommandsInFlight is how many commands of one participant may be unacknowledged over
	// the whole fleet of its workers.
	CommandsInFlight = 64
	// RequestsInFlight is how many requests of one source may be unacknowledged. A request
	// subscriber takes as many at once, so that none waits unseen and times out.
	RequestsInFlight = 16
)

const (
	eventsAge = 90 * 24 * time.Hour
	mega      = 1 << 20
	// dedupWindow is the least that a server accepts; duplicate detection cannot be
	// switched off. Request ids are remembered by the orchestrator, for 90 days.
	requestsDedup = 100 * time.Millisecond
	commandsDedup = 2 * time.Minute
)

// Topology says which streams and consumers there are. Names are those of the plans.
type Topology struct {
	Participants []string
	Sources      []string
	Limits       Limits
}

// Limits bound the streams, in bytes. Zero means the default, which is in brackets. The
// server sets all of it aside when a stream is made, and refuses what it has no room for.
type Limits struct {
	RequestBytes int64 // of the request stream of each source [64 MiB]
	CommandBytes int64 // of the command stream [64 MiB]
	EventBytes   int64 // of the event stream [1 GiB]
}

func (l Limits) withDefaults() Limits {
	return Limits{
		RequestBytes: orDefault(l.RequestBytes, 64*mega),
		CommandBytes: orDefault(l.CommandBytes, 64*mega),
		EventBytes:   orDefault(l.EventBytes, 1024*mega),
	}
}

func orDefault(n, otherwise int64) int64 {
	if n == 0 {
		return otherwise
	}
	return n
}

func (t Topology) validate() error {
	return errors.Join(
		checkNames("participants", t.Participants),
		checkNames("sources", t.Sources),
		checkPositive("limits.request_bytes", t.Limits.RequestBytes),
		checkPositive("limits.command_bytes", t.Limits.CommandBytes),
		checkPositive("limits.event_bytes", t.Limits.EventBytes),
	)
}

func checkNames(field string, names []string) error {
	var errs []error
	seen := map[string]bool{}
	for i, name := range names {
		if err := CheckName(name); err != nil {
			errs = append(errs, fmt.Errorf("%s[%d]: %w", field, i, err))
		}
		if seen[name] {
			errs = append(errs, fmt.Errorf("%s[%d]: name %q is there twice", field, i, name))
		}
		seen[name] = true
	}
	return errors.Join(errs...)
}

func checkPositive(field string, n int64) error {
	if n < 0 {
		return fmt.Errorf("%s: must not be negative", field)
	}
	return nil
}
