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
// its time with each claim. The orchestrator looks at its wall clock when it starts and goes
// on by the monotonic one, in every build.
var (
	orchestratorClock = steady(wallClock())
	workerClock       = wallClock
)

func wallClock() time.Time { return time.Now().Add(offset(os.Getenv(clockVariable))) }

func steady(wall time.Time) func() time.Time {
	begun := time.Now()
	return func() time.Time { return wall.Add(time.Since(begun)).UTC() }
}

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
