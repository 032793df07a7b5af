//go:build !torture

package assembly

import "time"

// The clocks of a process: nil is the default of what they are given to. A build with the
// tag torture has clocks that can be set while everything runs; see .ci/torture.
var (
	orchestratorClock func() time.Time
	workerClock       func() time.Time
)
