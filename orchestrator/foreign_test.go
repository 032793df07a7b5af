package orchestrator_test

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// testdata/worker.mjs was written from events/README.md alone, so these tests hold the README to
// what the orchestrator does. Its system is a file with the number of items of each user.

const neighbour = "u-canary-00420"

func TestAWorkerInAnotherLanguageErasesAPerson(t *testing.T) {
	f := newForeign(t, 0)
	w := f.work()
	id := f.erase()
	if p := f.finish(id); p.Attempts != 1 || p.Inferred {
		t.Errorf("sessions: %+v, want one attempt with counts of its own", p)
	}
	w.terminate(t)
}

func TestAWorkerInAnotherLanguageIsKilledBeforeItsReport(t *testing.T) {
	f := newForeign(t, 2*time.Second)
	w := f.work("CRASH_BEFORE_REPORT=1")
	id := f.erase()
	if end := w.wait(t); end.Signal() != syscall.SIGKILL {
		t.Fatalf("the worker ended with status %d, was not killed\n%s", end.ExitStatus(), &w.logs)
	}
	if left := f.items()[person]; left != 0 {
		t.Fatalf("%d items left: it was killed before the effect", left)
	}
	f.work()
	if p := f.finish(id); p.Attempts < 2 || !p.Inferred {
		t.Errorf("sessions: %+v, want a second attempt with inferred counts", p)
	}
}

func TestAWorkerInAnotherLanguageRenewsAndFinishesBeforeItStops(t *testing.T) {
	f := newForeign(t, 3*time.Second)
	w := f.work("SLOW_MS=4000")
	id := f.erase()
	eventually(t, "granted the erase", func() bool { return f.erasing(id) })
	w.terminate(t)
	if left := f.items()[person]; left != 0 {
		t.Errorf("%d items left: it stopped before its work was done", left)
	}
	f.work()
	if p := f.finish(id); p.Attempts != 1 || p.Inferred {
		t.Errorf("sessions: %+v, want one attempt with counts of its own", p)
	}
}

// foreign is a rig whose sessions are served by Node.js, and whose account by a shelf.
type foreign struct {
	*rig
	source  *bus.Client
	watch   *bus.Watch
	account *shelf
	modules string // folder of the Node packages
	seed    string // file with the seed of the sessions' user
	store   string // file with the sessions
}

// newForeign skips without the Node packages. A permit of 0 lives as long as it does by default.
func newForeign(t *testing.T, permit time.Duration) *foreign {
	t.Helper()
	modules := os.Getenv("EXPUNGE_TEST_NODE_MODULES")
	if modules == "" {
		t.Skip("not covered: Node.js with a NATS client")
	}
	dir := t.TempDir()
	f := &foreign{rig: newRig(t, sessionsFirst(permit)), modules: modules, seed: filepath.Join(dir, "seed"), store: filepath.Join(dir, "sessions.json")}
	if err := f.keys[events.Sessions].Save(f.seed); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.store, []byte(`{"`+neighbour+`":2,"`+person+`":3}`), 0o600); err != nil {
		t.Fatal(err)
	}
	f.account = newShelf(events.Account, "accounts", map[string]int64{person: 1, neighbour: 1})
	f.serve(f.account)
	f.source, f.watch = f.client("billing")
	return f
}

func sessionsFirst(permit time.Duration) saga.Plan {
	p := saga.Plan{Name: "all", BackoffFirst: 20 * time.Millisecond, Permit: permit, Participants: []saga.Spec{
		{Name: events.Account, After: []string{events.Sessions}},
		{Name: events.Sessions},
	}}
	if permit > 0 {
		p.Margin = 200 * time.Millisecond
	}
	return p
}

func (f *foreign) erase() (id string) {
	f.t.Helper()
	a, err := f.source.Request(f.t.Context(), events.Request{UserID: person})
	if err != nil {
		f.t.Fatal(err)
	}
	return a.Saga
}

func (f *foreign) erasing(id string) bool {
	st, err := f.source.Status(f.t.Context(), id)
	return err == nil && slices.ContainsFunc(st.Participants, func(p events.ParticipantStatus) bool {
		return p.Name == events.Sessions && p.Verb == events.Erase && p.Step == "granted"
	})
}

// finish awaits the end, checks what is the same however it came about, and returns what the
// summary says of the sessions.
func (f *foreign) finish(id string) events.ParticipantSummary {
	f.t.Helper()
	sum, _ := f.await(f.watch, id)
	if sum.State != events.Completed || len(sum.Participants) != 2 || len(sum.Exceptions) != 0 {
		f.t.Fatalf("summary: %+v", sum)
	}
	if items := f.items(); !maps.Equal(items, map[string]int64{neighbour: 2}) {
		f.t.Errorf("the file holds %v, want the neighbour's 2 alone", items)
	}
	if left, _ := f.account.total(neighbour); left != 1 {
		f.t.Error("the neighbour's account is gone")
	}
	p := sum.Participants[1]
	if p.Name != events.Sessions || p.Verdict != events.Erased || !maps.Equal(p.Counts, events.Counts{"sessions": 3}) {
		f.t.Errorf("sessions: %+v, want 3 erased", p)
	}
	return p
}

func (f *foreign) items() (items map[string]int64) {
	f.t.Helper()
	b, err := os.ReadFile(f.store)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &items); err != nil {
		f.t.Fatal(err)
	}
	return items
}

// process is a worker in a process of its own.
type process struct {
	cmd   *exec.Cmd
	logs  logBuffer
	ready chan struct{} // closed when it has subscribed
	ended chan struct{} // closed when it is gone and cmd.ProcessState is set
}

// work starts a worker and waits until it has subscribed; it is killed when the test ends.
func (f *foreign) work(env ...string) *process {
	f.t.Helper()
	p := &process{cmd: exec.CommandContext(f.t.Context(), "node", "testdata/worker.mjs"), ready: make(chan struct{}), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), append(env, "EXPUNGE_TEST_NODE_MODULES="+f.modules, "NATS_URL="+f.srv.URL(), "NKEY_SEED_FILE="+f.seed,
		"PARTICIPANT="+events.Sessions, "KIND=sessions", "STORE="+f.store)...)
	p.cmd.Stderr = &p.logs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	go p.follow(out)
	f.t.Cleanup(func() { f.bury(p) })
	p.awaitReady(f.t)
	return p
}

func (p *process) follow(out io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(out)
	if lines.Scan() && lines.Text() == "ready" {
		close(p.ready)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = p.cmd.Wait() // its state tells more
}

// bury waits for a process that the end of the test has killed, and reads what it left behind.
func (f *foreign) bury(p *process) {
	<-p.ended
	if f.t.Failed() {
		f.t.Logf("a worker's log:\n%s", &p.logs)
	}
	if strings.Contains(p.logs.String(), person) {
		f.t.Error("the person is in a worker's log")
	}
}

func (p *process) awaitReady(t *testing.T) {
	t.Helper()
	select {
	case <-p.ready:
	case <-p.ended:
		t.Fatalf("the worker did not start: %s\n%s", p.cmd.ProcessState, &p.logs)
	case <-time.After(30 * time.Second):
		t.Fatal("the worker is not ready in time")
	}
}

// wait returns how the worker ended.
func (p *process) wait(t *testing.T) syscall.WaitStatus {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the worker has not ended in time")
	}
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// terminate asks the worker to stop, and expects it to do so in good order.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if end := p.wait(t); end.ExitStatus() != 0 {
		t.Errorf("stopped with status %d and signal %d\n%s", end.ExitStatus(), end.Signal(), &p.logs)
	}
}
