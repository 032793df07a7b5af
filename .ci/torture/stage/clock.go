package stage

import (
	"fmt"
	"os"
	"time"

	"github.com/expunge-io/expunge/torture/proc"
)

// clock is the file that says how far a process's clock is off.
func (s *Stage) clock(name string) string { return s.path("etc", name+".clock") }

// SetClock sets the wall clock of a process off by some time, while it runs or not.
func (s *Stage) SetClock(p *proc.Process, off time.Duration) error {
	path := s.clock(p.Name())
	// It appears whole: the process may read it at any time.
	if err := os.WriteFile(path+".new", fmt.Append(nil, off), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Pass lets time pass on the clocks of all processes at once.
func (s *Stage) Pass(d time.Duration) error {
	for _, p := range s.Processes() {
		if err := s.SetClock(p, d); err != nil {
			return err
		}
	}
	return nil
}
