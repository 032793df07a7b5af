package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/participantstest"
)

// commandWait bounds one command of the author.
const commandWait = time.Minute

// Remote is the worker of a participant and the system that the file tells of. The commands
// end with ctx, but for mend, which is owed to the system; they complain to complaints.
func (f File) Remote(ctx context.Context, participant string, complaints io.Writer) *participantstest.Remote {
	r := &runner{ctx, f, complaints}
	owed := &runner{context.WithoutCancel(ctx), f, complaints}
	c := f.Commands
	remote := &participantstest.Remote{
		Fixture: participantstest.Fixture{
			Name: participant, Realm: f.Realm,
			Subject: identifiers(f.Subject), Neighbour: identifiers(f.Neighbour), Unknown: identifiers(f.Unknown),
			Items: func(ids []events.Identifier) (int64, error) { return r.count(ids) },
			Break: r.plain("break", c.Break),
		},
		Seed: r.plain("seed", c.Seed), Slow: r.plain("slow", c.Slow), Mend: owed.plain("mend", c.Mend),
	}
	if len(c.State) > 0 {
		remote.State = func(ids []events.Identifier) (string, error) { return r.run("state", c.State, r.who(ids)) }
	}
	if f.Log != "" {
		remote.Log = r.log()
	}
	return remote
}

// runner runs the commands of a file.
type runner struct {
	ctx        context.Context
	file       File
	complaints io.Writer
}

// plain is a command about nobody; nil if there is none.
func (r *runner) plain(name string, argv []string) func() error {
	if len(argv) == 0 {
		return nil
	}
	return func() error {
		_, err := r.run(name, argv, person{"", r.file.Subject})
		return err
	}
}

func (r *runner) count(ids []events.Identifier) (int64, error) {
	out, err := r.run("count", r.file.Commands.Count, r.who(ids))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	if err != nil || n < 0 {
		return 0, errors.New("commands.count: must print a number and nothing else")
	}
	return n, nil
}

// who is the person of the file that has these identifiers.
func (r *runner) who(ids []events.Identifier) person {
	for _, p := range r.file.people() {
		if slices.Equal(identifiers(p.ids), ids) {
			return p
		}
	}
	return person{}
}

// run returns what a command prints. Neither that nor its arguments are in the error.
func (r *runner) run(name string, argv []string, p person) (string, error) {
	ctx, cancel := context.WithTimeout(r.ctx, commandWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // whoever calls has written the file
	cmd.WaitDelay = time.Second                           // what it has left in the background may hold its output
	cmd.Dir = r.file.folder
	cmd.Stderr = r.complaints
	cmd.Env = append(os.Environ(), about(p)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		if ctx.Err() != nil && r.ctx.Err() == nil {
			err = fmt.Errorf("not done in %s", commandWait)
		}
		return "", fmt.Errorf("commands.%s: %w", name, err)
	}
	return out.String(), nil
}

// about tells a command of a person.
func about(p person) []string {
	if len(p.ids) == 0 {
		return nil
	}
	type wire struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	var all []wire
	for _, d := range p.ids {
		all = append(all, wire(d))
	}
	list, err := json.Marshal(all)
	if err != nil {
		return nil // cannot be: they are texts
	}
	return []string{
		"EXPUNGE_PERSON=" + p.name, "EXPUNGE_TYPE=" + p.ids[0].Type, "EXPUNGE_VALUE=" + p.ids[0].Value,
		"EXPUNGE_IDENTIFIERS=" + string(list),
	}
}

// log reads what is added to the log from now on; one that has become shorter, from its
// beginning.
func (r *runner) log() func() (string, error) {
	path := r.file.Log
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.file.folder, path)
	}
	var from int64
	if info, err := os.Stat(path); err == nil {
		from = info.Size()
	}
	return func() (string, error) {
		data, err := os.ReadFile(path)
		if int64(len(data)) >= from {
			data = data[from:]
		}
		return string(data), err
	}
}
