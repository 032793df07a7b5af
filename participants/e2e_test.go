package participants_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/participants"
)

func TestAnErasureOverTheRealBus(t *testing.T) {
	w := newWorld(t)
	odd := []events.Identifier{
		{Type: events.UserID, Value: "u-0042"},
		{Type: "name", Value: "Zoë \"Z\" O'Neil\r\n\t\\ %00 <&> \u2028 \u202e \U0001F600 e\u0301"},
		{Type: "name", Value: events.Private(strings.Repeat("\u00e9", 2048))}, // as long as the wire takes
		{Type: "ref", Value: " "},
	}
	w.Identifiers = odd
	w.serve(t)
	var seen []events.Identifier
	erased := false
	p := counter{
		eraser: func(_ context.Context, task participants.Task) (participants.Result, error) {
			seen, erased = task.Identifiers, true
			return participants.Result{Verdict: events.Erased, Counts: events.Counts{"rows": 2}}, nil
		},
		count: func(context.Context) (events.Counts, error) {
			if erased {
				return events.Counts{"rows": 0}, nil
			}
			return events.Counts{"rows": 2}, nil
		},
	}
	w.work(t, p)
	for _, c := range []struct {
		verb    events.Verb
		verdict events.Verdict
	}{{events.Resolve, events.Resolved}, {events.Erase, events.Erased}, {events.Verify, events.Counted}} {
		w.command(t, w.Command("s-1", c.verb))
		if r := w.nextReport(t); r.Verb != c.verb || r.Verdict != c.verdict {
			t.Fatalf("%s: report %+v", c.verb, r)
		}
	}
	w.drained(t)
	if !reflect.DeepEqual(seen, odd) {
		t.Fatal("the identifiers were changed on their way")
	}
}

func TestResolvedIdentifiersArriveUnharmed(t *testing.T) {
	w := newWorld(t)
	w.serve(t)
	found := []events.Identifier{{Type: "email", Value: "\"a\r\nb\"@\u4f8b.example"}, {Type: "email", Value: events.Private(strings.Repeat("x", 4096))}}
	w.work(t, resolver{found: found})
	w.command(t, w.Command("s-1", events.Resolve))
	if r := w.nextReport(t); !reflect.DeepEqual(r.Identifiers, found) {
		t.Fatal("the identifiers were changed on their way")
	}
}

func TestWhatIsNoCommandLeavesTheStream(t *testing.T) {
	w := newWorld(t)
	w.serve(t)
	w.work(t, absent)
	w.raw(t, nil, []byte("{"))
	w.raw(t, events.Header{"ce-id": {"1", "2"}}, nil)
	w.raw(t, events.Header{"ce-id": {"1"}, "ce-source": {"/x"}, "ce-specversion": {"1.0"}, "ce-type": {"com.example.other"}}, []byte("{}"))
	foreign := w.Command("s-1", events.Erase)
	foreign.Participant, foreign.ClaimOn, foreign.ReportOn = "sessions", events.SubjectClaim("sessions", "0"), events.SubjectReport("sessions", "0")
	w.command(t, foreign)
	w.drained(t)
	w.command(t, w.Command("s-2", events.Erase))
	if r := w.nextReport(t); r.Saga != "s-2" {
		t.Fatalf("report %+v", r)
	}
}

func TestACommandWaitsForAnOrchestratorThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	naked := make(chan struct{}, 100)
	nc := w.connect(t, w.them)
	worker, err := participants.NewWorker(participants.Config{
		Name: "profiles", Participant: absent, Bus: participants.OverNATS(nc), AnswerTimeout: 2 * time.Second,
		Hooks: participants.Hooks{Doorbell: func(_ events.Verb, a participants.Answer) {
			if a == participants.Unanswered {
				naked <- struct{}{}
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- worker.Run(ctx) }()
	w.command(t, w.Command("s-1", events.Erase))
	<-naked // nobody answers, and the server says so at once
	w.serve(t)
	if r := w.nextReport(t); r.Verdict != events.Absent {
		t.Fatalf("report %+v", r)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	w.drained(t)
}

func TestAReportOutlivesARestartOfTheBus(t *testing.T) {
	w := newWorld(t)
	w.serve(t)
	acting, goOn := make(chan struct{}), make(chan struct{})
	w.work(t, eraser(func(context.Context, participants.Task) (participants.Result, error) {
		close(acting)
		<-goOn
		return participants.Result{Verdict: events.Erased, Counts: events.Counts{"rows": 1}}, nil
	}))
	w.command(t, w.Command("s-1", events.Erase))
	<-acting
	if err := w.server.Restart(); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if r := w.nextReport(t); r.Verdict != events.Erased {
		t.Fatalf("report %+v", r)
	}
}

// TestWorkersShareTheWork rings twice for each of many sagas at two workers. One of them
// gets the permit, the other is told so, and every saga is worked on once.
func TestWorkersShareTheWork(t *testing.T) {
	const sagas = 100
	w := newWorld(t)
	var book ledger
	w.OnClaim = func(c events.Claim) events.Payload { return book.claim(c, w.Permit(c)) }
	w.OnReport = book.report
	w.serve(t)
	var acted atomic.Int64
	p := eraser(func(context.Context, participants.Task) (participants.Result, error) {
		acted.Add(1)
		return participants.Result{Verdict: events.Absent}, nil
	})
	stops := []func(){w.work(t, p), w.work(t, p)}
	for i := range sagas {
		for range 2 {
			w.command(t, w.Command(fmt.Sprintf("s-%d", i), events.Erase))
		}
	}
	for reported := map[string]bool{}; len(reported) < sagas; {
		reported[w.nextReport(t).Saga] = true
	}
	w.drained(t)
	for _, stop := range stops {
		stop()
	}
	if acted.Load() != sagas {
		t.Fatalf("%d sagas acted on, want %d once each", acted.Load(), sagas)
	}
}

// ledger knows who holds the permit of a saga and which sagas are reported.
type ledger struct {
	mu     sync.Mutex
	holder map[string]string
	done   map[string]bool
}

func (l *ledger) claim(c events.Claim, p events.Permit) events.Payload {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch holder := l.holder[c.Saga]; {
	case l.done[c.Saga]:
		return events.Refusal{Reason: events.RefusedDone}
	case holder != "" && holder != c.Instance:
		return events.Refusal{Reason: events.RefusedBusy}
	}
	if l.holder == nil {
		l.holder = map[string]string{}
	}
	l.holder[c.Saga] = c.Instance
	return p
}

func (l *ledger) report(r events.Report) events.Payload {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = map[string]bool{}
	}
	l.done[r.Saga] = true
	return events.Receipt{Outcome: events.Took}
}

// The worker of the next test is this test binary, run again with these set.
const (
	envWorkerBus  = "EXPUNGE_TEST_WORKER_BUS"
	envWorkerSeed = "EXPUNGE_TEST_WORKER_SEED"
	envWorkerFile = "EXPUNGE_TEST_WORKER_FILE"
)

// TestWorkerProcess is no test of its own: it is the process that the next one kills.
func TestWorkerProcess(t *testing.T) {
	if os.Getenv(envWorkerBus) == "" {
		return
	}
	seed, err := os.ReadFile(os.Getenv(envWorkerSeed))
	if err != nil {
		t.Fatal(err)
	}
	key, err := bus.ParseKey([]byte(strings.TrimSpace(string(seed))))
	if err != nil {
		t.Fatal(err)
	}
	worker, err := participants.NewWorker(participants.Config{
		Name: "profiles", Participant: eraser(removeAndHang), Bus: participants.OverNATS(dial(t, os.Getenv(envWorkerBus), key)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Fatal(worker.Run(t.Context()))
}

// removeAndHang removes the person's file, says so, and never comes to the report.
func removeAndHang(context.Context, participants.Task) (participants.Result, error) {
	if err := os.Remove(os.Getenv(envWorkerFile)); err != nil {
		return participants.Result{}, err
	}
	fmt.Println("removed")
	select {}
}

func TestAWorkerKilledBetweenEffectAndReportIsSucceeded(t *testing.T) {
	w := newWorld(t)
	attempt := 0
	w.OnClaim = func(c events.Claim) events.Payload {
		if attempt++; attempt > 2 { // the ack of the first may have died with its worker
			return events.Refusal{Reason: events.RefusedDone}
		}
		m := w.Permit(c)
		m.Permit, m.Attempt, m.MaybeDone = fmt.Sprintf("p-%d", attempt), attempt, attempt > 1
		return m
	}
	w.serve(t)
	seed, file := t.TempDir()+"/seed", t.TempDir()+"/person"
	if err := w.them.Save(seed); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestWorkerProcess$")
	child.Env = append(os.Environ(), envWorkerBus+"="+w.server.URL(), envWorkerSeed+"="+seed, envWorkerFile+"="+file)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	w.command(t, w.Command("s-1", events.Erase))
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "removed\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed

	var successor participants.Task
	w.work(t, eraser(func(_ context.Context, task participants.Task) (participants.Result, error) {
		successor = task
		if _, err := os.Stat(file); os.IsNotExist(err) {
			return participants.Result{Verdict: events.Absent}, nil
		}
		return participants.Result{Verdict: events.Erased}, nil
	}))
	again := w.Command("s-1", events.Erase)
	again.Issue = 2 // the orchestrator rings again once the permit is dead
	w.command(t, again)
	if r := w.nextReport(t); r.Verdict != events.Absent || r.Permit != "p-2" || len(w.Reports) > 0 {
		t.Fatalf("report %+v", r)
	}
	if successor.Attempt != 2 || !successor.MaybeDone {
		t.Fatalf("task %+v", successor)
	}
}
