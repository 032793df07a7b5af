package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/cmd/expunge/demo"
	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
	"github.com/expunge-io/expunge/participants/sandbox"
)

// TestEveryErasureSurvivesKills kills dev again and again in the middle of erasures, and
// starts it on the same data each time. In the end all erasures are completed, the vendors
// have seen each effect once, nobody else was touched, and each saga has one summary.
func TestEveryErasureSurvivesKills(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 4
	}
	r := &killRig{t: t, folder: t.TempDir(), rng: rand.New(rand.NewPCG(1, uint64(os.Getpid())))}
	before := r.untouched()
	for i := range kills {
		r.start()
		r.noteUnderWay()
		r.ask(subjectOf(i))
		r.letItRun()
		r.kill()
	}
	r.start()
	r.finish()
	r.stop()

	t.Logf("%d of %d kills were seen to hit an erasure under way", r.underWay, kills)
	if r.underWay == 0 {
		t.Error("no kill hit an erasure under way")
	}
	r.checkSummaries()
	r.checkVendors()
	r.checkPeople(before)
}

// subjectOf is the i-th person to be erased: the first of every second family.
func subjectOf(i int) people.Person {
	p, ok := people.Find(fmt.Sprintf("u-%04d", 2+2*i))
	if !ok {
		panic("no such person")
	}
	return p
}

type killRig struct {
	t      *testing.T
	folder string
	rng    *rand.Rand

	dev     *exec.Cmd
	session *session

	asked    []asked
	underWay int // kills that were seen to have hit something; there may be more
}

type asked struct {
	person people.Person
	key    string
	saga   string // empty: not known yet
}

// untouched makes the systems and returns what everybody has at the start.
func (r *killRig) untouched() people.Snapshot {
	r.start()
	r.stop()
	return r.snapshot()
}

var readyLine = regexp.MustCompile(`^ready: bus (\S+),`)

func (r *killRig) start() {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	r.dev = exec.Command(self, "dev", "--data", r.folder, "--nats", "-1", "--http", "127.0.0.1:0", "--log-level", "warn")
	r.dev.Env = append(os.Environ(), asMain+"=1")
	r.dev.Stderr = &testWriter{t: r.t}
	out, err := r.dev.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.dev.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = r.dev.Process.Kill() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		r.t.Fatal("dev ended before it was ready")
	}
	m := readyLine.FindStringSubmatch(lines.Text())
	if m == nil {
		r.t.Fatalf("first line of dev: %s", lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	a := access{source: demo.Source, url: m[1], timeout: 10 * time.Second}
	if r.session, err = a.connect(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// ask sends a request, half of them as a stored event, and does not wait for the answer.
func (r *killRig) ask(p people.Person) {
	a := asked{person: p, key: "ticket-" + p.ID}
	request := events.Request{UserID: events.Private(p.ID), IdempotencyKey: a.key}
	if len(r.asked)%2 == 1 {
		if _, err := r.session.client.Publish(r.t.Context(), request, a.key); err != nil {
			r.t.Fatal(err)
		}
	} else {
		s := r.session
		go func() { _, _ = s.client.Request(context.Background(), request) }()
	}
	r.asked = append(r.asked, a)
}

// noteUnderWay counts the last kill if what was asked before it is under way now.
func (r *killRig) noteUnderWay() {
	if len(r.asked) == 0 {
		return
	}
	a := r.asked[len(r.asked)-1]
	accepted, err := r.again(r.t.Context(), a)
	if err != nil {
		r.t.Fatal(err)
	}
	if accepted.Joined && !accepted.State.Final() {
		r.underWay++
	}
}

// letItRun waits for a random point on the way of the newest erasure: until some of its
// eight participants have erased, and a moment more.
func (r *killRig) letItRun() {
	a := r.asked[len(r.asked)-1]
	moment := time.Duration(r.rng.Int64N(int64(20 * time.Millisecond)))
	done := r.rng.IntN(9) - 1 // -1: as soon as it was sent
	if done < 0 {
		time.Sleep(moment)
		return
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	accepted, err := r.again(ctx, a)
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.session.follow(ctx, accepted.Saga, 5*time.Millisecond, func(events.Status) {}, func(st events.Status) bool {
		erased := 0
		for _, p := range st.Participants {
			if p.Verdict != "" {
				erased++
			}
		}
		return erased >= done
	})
	if err != nil {
		r.t.Fatalf("saga %s: %v", accepted.Saga, err)
	}
	time.Sleep(moment)
}

// again asks what was asked before, under the same key.
func (r *killRig) again(ctx context.Context, a asked) (events.Acceptance, error) {
	return ask(ctx, r.session, func(ctx context.Context) (events.Acceptance, error) {
		return r.session.client.Request(ctx, events.Request{UserID: events.Private(a.person.ID), IdempotencyKey: a.key})
	})
}

func (r *killRig) kill() {
	if err := r.dev.Process.Kill(); err != nil {
		r.t.Fatal(err)
	}
	_ = r.dev.Wait() // killed is what it is to be
	r.session.close()
}

func (r *killRig) stop() {
	r.t.Helper()
	r.session.close()
	if err := r.dev.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	if err := r.dev.Wait(); err != nil {
		r.t.Errorf("dev after SIGTERM: %v", err)
	}
}

// finish asks every request again under its key, as a source does that heard no answer,
// and waits for all sagas to end.
func (r *killRig) finish() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	for i := range r.asked {
		a := &r.asked[i]
		accepted, err := r.again(ctx, *a)
		if err != nil {
			r.t.Fatal(err)
		}
		a.saga = accepted.Saga
	}
	for _, a := range r.asked {
		st, err := r.session.follow(ctx, a.saga, 20*time.Millisecond, func(events.Status) {}, func(st events.Status) bool { return st.State.Final() })
		if err != nil {
			r.t.Fatalf("saga %s: %v; it stands at %+v", a.saga, err, st)
		}
		r.t.Logf("saga %s took %s", a.saga, st.Ended.Sub(st.Started))
		if st.State != events.Completed {
			r.t.Errorf("saga %s ended as %s", a.saga, st.State)
		}
	}
}

// checkSummaries reads the event stream itself: every copy of a summary that was ever
// published has the same bytes.
func (r *killRig) checkSummaries() {
	digests := map[string]map[[sha256.Size]byte]int{}
	for _, data := range r.published() {
		_, s, err := events.Decode[events.Summary](nil, data)
		if err != nil {
			r.t.Fatal(err)
		}
		if digests[s.Saga] == nil {
			digests[s.Saga] = map[[sha256.Size]byte]int{}
		}
		digests[s.Saga][sha256.Sum256(data)]++
	}
	for _, a := range r.asked {
		if n := len(digests[a.saga]); n != 1 {
			r.t.Errorf("saga %s has %d different summaries", a.saga, n)
		}
	}
}

// published returns all summaries in the stream, read with a server on the same files.
func (r *killRig) published() (out [][]byte) {
	r.t.Helper()
	key, err := bus.NewKey()
	if err != nil {
		r.t.Fatal(err)
	}
	srv, err := embedded.Start(embedded.Config{InProcessOnly: true, ServerConfig: bus.ServerConfig{
		StoreDir: filepath.Join(r.folder, "bus"), Orchestrator: []string{key.Public()},
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	defer srv.Shutdown()
	nc, err := bus.Connect(bus.Config{InProcess: srv, NKey: key})
	if err != nil {
		r.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := js.OrderedConsumer(r.t.Context(), events.StreamEvents, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{events.SubjectSummary(demo.Source)},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for {
		m, err := c.Next(jetstream.FetchMaxWait(time.Second))
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) || errors.Is(err, context.DeadlineExceeded) || err != nil && strings.Contains(err.Error(), "timeout") {
			return out
		}
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, m.Data())
	}
}

func (r *killRig) systems() people.Systems {
	r.t.Helper()
	folder := filepath.Join(r.folder, demo.SystemsFolder)
	db, err := sql.Open("sqlite", people.DSN(filepath.Join(folder, "accounts.db")))
	if err != nil {
		r.t.Fatal(err)
	}
	jumio, err := sandbox.OpenJumio(sandbox.JumioConfig{
		Accounts: []sandbox.JumioAccount{{Tenant: people.Tenant, Token: "t", Secret: "s"}},
		Journal:  filepath.Join(folder, "jumio.journal"), Now: time.Now,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	cognito, err := sandbox.OpenCognito(sandbox.CognitoConfig{
		Region: people.Region, Keys: []sandbox.AccessKey{{Account: people.Tenant, ID: "i", Secret: "s"}},
		Pools:   []sandbox.UserPool{{Account: people.Tenant, ID: people.Pool}},
		Journal: filepath.Join(folder, "cognito.journal"), Now: time.Now,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return people.Systems{Accounts: db, Jumio: jumio, Cognito: cognito}
}

func closeSystems(s people.Systems) { _, _, _ = s.Accounts.Close(), s.Jumio.Close(), s.Cognito.Close() }

func (r *killRig) snapshot() people.Snapshot {
	r.t.Helper()
	s := r.systems()
	defer closeSystems(s)
	snap, err := s.Snapshot(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return snap
}

// checkVendors: the ledgers hold the erased people's items and nothing else, and each was
// really removed once, however often that was tried.
func (r *killRig) checkVendors() {
	s := r.systems()
	defer closeSystems(s)
	want := map[string]int{}
	for _, a := range r.asked {
		want[a.person.Username]++
		for _, link := range a.person.Links {
			want[link.Provider+"_"+link.Subject]++
		}
		for _, image := range a.person.Images {
			want[image.Reference]++
		}
	}
	got, again := map[string]int{}, 0
	for _, d := range append(s.Jumio.Ledger(), s.Cognito.Ledger()...) {
		got[d.Key] += d.Effects
		again += d.Attempts - d.Effects
	}
	for key, n := range want {
		if got[key] != n {
			r.t.Errorf("an item was really removed %d times, want %d", got[key], n)
		}
	}
	for key, n := range got {
		if _, ours := want[key]; !ours && n > 0 {
			r.t.Errorf("an item of somebody else was removed %d times", n)
		}
	}
	r.t.Logf("%d items removed once each; %d attempts found one removed already", len(want), again)
}

func (r *killRig) checkPeople(before people.Snapshot) {
	s := r.systems()
	defer closeSystems(s)
	var erased []string
	for _, a := range r.asked {
		erased = append(erased, a.person.ID)
		left, err := s.Leftovers(r.t.Context(), a.person)
		if err != nil {
			r.t.Fatal(err)
		}
		if people.Total(left) != 0 {
			r.t.Errorf("left of one: %v", left)
		}
	}
	after, err := s.Snapshot(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if n := people.Touched(before, after, erased...); n != 0 {
		r.t.Errorf("%d others were touched", n)
	}
}

// testWriter logs what dev says.
type testWriter struct{ t *testing.T }

func (w *testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}
