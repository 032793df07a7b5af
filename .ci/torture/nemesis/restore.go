package nemesis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/torture/record"
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

// backTime is how long an orchestrator may take to serve from a store that was put back: it
// waits until the lease of the one before cannot be valid, beside a bus that comes and goes.
const backTime = 3 * time.Minute

// backupTries are more than trouble of other kinds explains.
const backupTries = 90

// restore takes a backup, lets the run go on, and puts the backup back as if it were the
// newest there is. What happened in between must be found out from the bus, and an operator
// has to confirm what cannot.
func (h *Hand) restore() error {
	backup := filepath.Join(h.stage.Folder, "backup.db")
	if err := os.Remove(backup); err != nil && !os.IsNotExist(err) {
		return err
	}
	r, err := h.backUp(backup)
	if err != nil || r.Taken.IsZero() {
		return err
	}
	h.say("a backup is taken")
	if !h.wait(2*time.Second + h.upTo(6*time.Second)) {
		return nil
	}
	p := h.stage.Orchestrator
	defer h.hold(p)()
	h.say("restore the backup")
	if err := p.Kill(); err != nil {
		return err
	}
	r.Gone = time.Now()
	if err := h.db("restore", "--data", h.stage.Home(), "--force", backup); err != nil {
		return err
	}
	h.count(&h.counts.Restores)
	return h.back(r)
}

// backUp takes a backup, while no other trouble has the orchestrator: of a large store that takes
// longer than one lives here. A zero time: the run is over.
func (h *Hand) backUp(to string) (r record.Restore, err error) {
	defer h.hold(h.stage.Orchestrator)()
	for range backupTries {
		r.Taken = time.Now()
		if err = h.db("backup", "--url", "http://"+h.stage.HTTP, "--data", h.stage.Home(), to); err == nil {
			return r, nil
		}
		if !h.wait(time.Second) { // the orchestrator is starting, or its disk full
			return record.Restore{}, nil
		}
	}
	return r, err
}

// back starts the orchestrator on the store that was put back, confirms it as an operator does,
// and reads what was said of it. The trouble may be over meanwhile; this is brought to its
// end.
func (h *Hand) back(r record.Restore) error {
	p := h.stage.Orchestrator
	before, err := os.Stat(p.Log())
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), backTime)
	defer cancel()
	if err := h.confirm(ctx); err != nil { // whoever answers has said what the store lacks
		return err
	}
	if r.Named, err = namedIn(p.Log(), before.Size()); err != nil {
		return err
	}
	h.book.Restore(r)
	h.say("the backup is back; %d names of requests to be sent again", len(r.Named))
	return h.tidy()
}

// tidy removes the store that was replaced, as an operator does who needs it no more: some of
// them fill the disk for good.
func (h *Hand) tidy() error {
	old, err := filepath.Glob(filepath.Join(h.stage.Home(), "*.replaced-*"))
	for _, name := range old {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

var nameForm = regexp.MustCompile(` (?:request|correlation_id)=([A-Za-z0-9._-]+)`)

// namedIn reads which requests the orchestrator said to have lost, from a place in its log on.
func namedIn(log string, from int64) (names []string, err error) {
	text, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text[from:])) {
		if !strings.Contains(line, "is not in the store that was put back") {
			continue
		}
		for _, m := range nameForm.FindAllStringSubmatch(line, -1) {
			names = append(names, m[1])
		}
	}
	return names, nil
}

// confirm answers for the store that was put back, until the answer is known.
func (h *Hand) confirm(ctx context.Context) error {
	nc, err := bus.Connect(bus.Config{URL: h.stage.DirectURL, Name: "torture restore", NKeySeedFile: h.stage.Seed(stage.Operator)})
	if err != nil {
		return err
	}
	defer nc.Close()
	for {
		ask, cancel := context.WithTimeout(ctx, 3*time.Second)
		_, err := bus.NewOperator(nc).Operate(ask, events.Operation{Verb: events.OpConfirmRestore, By: "torture", Ground: "a rehearsal"})
		cancel()
		var problem *bus.ProblemError
		if err == nil || errors.As(err, &problem) && problem.Problem.Code != events.CodeBusy {
			h.say("the restore is confirmed: %v", err)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("confirm the restore: %w", err)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func (h *Hand) db(verb string, args ...string) error {
	said, err := h.stage.Command(append([]string{"db", verb}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("expunge db %s: %w: %s", verb, err, said)
	}
	return nil
}
