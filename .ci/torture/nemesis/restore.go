package nemesis

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/expunge-io/expunge/torture/stage"
)

// canRestore reports why backups cannot be put back here.
func canRestore(s *stage.Stage) string {
	for _, verb := range []string{"backup", "restore"} {
		help, err := s.Command("db", verb, "--help").CombinedOutput()
		if err != nil || !bytes.Contains(help, []byte("expunge db "+verb)) { // help on something else is no error
			return "this expunge has no command db " + verb
		}
	}
	return ""
}

// restore takes a backup, lets the run go on, and puts the backup back as if it were the
// newest there is. What happened in between must be found out from the bus.
func (h *Hand) restore() error {
	backup := filepath.Join(h.stage.Folder, "backup.db")
	if err := os.Remove(backup); err != nil && !os.IsNotExist(err) {
		return err
	}
	taken := h.db("backup", backup)
	if taken != nil {
		h.say("no backup: %v", taken)
		return nil // the orchestrator was away, or its disk full: the next time
	}
	if !h.wait(2*time.Second + h.upTo(6*time.Second)) {
		return nil
	}
	p := h.stage.Orchestrator
	defer h.hold(p)()
	h.say("restore the backup")
	if err := p.Kill(); err != nil {
		return err
	}
	if err := h.db("restore", backup); err != nil {
		return err
	}
	h.count(&h.counts.Restores)
	return p.Start()
}

func (h *Hand) db(verb, file string) error {
	said, err := h.stage.Command("db", verb, "--config", h.stage.Config(), file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("expunge db %s: %w: %s", verb, err, said)
	}
	return nil
}
