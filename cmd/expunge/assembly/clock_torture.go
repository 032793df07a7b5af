//go:build torture

package assembly

import (
	"os"
	"strings"
	"time"
)

// clockVariable names a file that holds how far the wall clock of this process is off, as
// in -90s. A file that is missing or cannot be read is no offset.
const clockVariable = "EXPUNGE_TORTURE_CLOCK"

// A wall clock that is set while a process runs is seen by a worker at once, since it tells
// its time with each claim. The orchestrator goes by a steady clock, and compares it with
// the wall clock, in every build.
var (
	orchestratorClock = wallClock
	workerClock       = wallClock
)

func wallClock() time.Time { return time.Now().Add(offset(os.Getenv(clockVariable))) }

func offset(path string) time.Duration {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	d, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return d
}
