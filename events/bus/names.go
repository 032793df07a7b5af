package bus

import (
	"fmt"
	"regexp"

	"github.com/expunge-io/expunge/events"
)

// SubjectLease is where the orchestrator keeps its lease, in [events.StreamControl].
const SubjectLease = "erasure.control.lease"

// consumerRequests is the name of the one consumer of each request stream.
const consumerRequests = "intake"

// nameRule is what a participant or a source may be called: one subject token that is
// safe in stream names, consumer names and file names alike.
var nameRule = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// CheckName reports what is wrong with the name of a participant or a source.
func CheckName(name string) error {
	if nameRule.MatchString(name) {
		return nil
	}
	return fmt.Errorf("name %q: must be 1 to 64 of a-z, 0-9 and -", name)
}

// binding is where a push consumer lives and where it delivers. Both sides are built from
// it, so that a subscriber needs no API right to look its consumer up.
type binding struct {
	stream, consumer, subject, deliver, group string
}

func commandBinding(participant string) binding {
	return binding{
		stream:   events.StreamCommands,
		consumer: participant,
		subject:  events.SubjectCommand(participant),
		deliver:  events.SubjectDeliver(participant),
		group:    participant,
	}
}

func requestBinding(source string) binding {
	return binding{
		stream:   events.StreamRequests(source),
		consumer: consumerRequests,
		subject:  events.SubjectRequested(source),
		deliver:  "erasure.intake." + source,
		group:    consumerRequests,
	}
}
