package bus

import (
	"fmt"
	"regexp"
)

// SubjectLease is where the orchestrator keeps its lease, in the control stream.
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
