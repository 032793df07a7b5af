package participantstest

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
	"github.com/expunge-io/expunge/participants"
)

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// stand is a real bus where one participant works.
type stand struct {
	server       *embedded.Server
	ours, theirs *nats.Conn
	theirKey     bus.Key
}

func newStand(t *testing.T, participant string) *stand {
	t.Helper()
	our, their := newKey(t), newKey(t)
	cfg := bus.ServerConfig{
		Port: -1, StoreDir: t.TempDir(), Orchestrator: []string{our.Public()},
		Participants: []bus.Account{{Name: participant, Keys: []string{their.Public()}}},
	}
	s := &stand{theirKey: their}
	var err error
	if s.server, err = embedded.Start(embedded.Config{ServerConfig: cfg}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.server.Shutdown)
	s.ours, s.theirs = s.connect(t, our), s.connect(t, their)
	if err := bus.Provision(t.Context(), s.ours, cfg.Topology()); err != nil {
		t.Fatal(err)
	}
	return s
}

func newKey(t *testing.T) bus.Key {
	t.Helper()
	k, err := bus.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (s *stand) connect(t *testing.T, k bus.Key) *nats.Conn {
	t.Helper()
	nc, err := bus.Connect(bus.Config{URL: s.server.URL(), NKey: k})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := bus.WaitConnected(ctx, nc); err != nil {
		t.Fatal(err)
	}
	return nc
}

// remote is the larder behind a worker.
func (s *stand) remote(l *larder, log *lines) *Remote {
	ids := func(v events.Private) []events.Identifier {
		return []events.Identifier{{Type: events.UserID, Value: v}}
	}
	return &Remote{
		Fixture: Fixture{
			Name: "larder", Subject: ids("u-check-0042"), Neighbour: ids("u-check-00421"), Unknown: ids("u-check-9999"),
			Items: l.of, Break: l.set(&l.broken, true),
		},
		Conn: s.ours, Seed: l.seed, Mend: l.mend, Slow: l.set(&l.slow, true),
		Log: func() (string, error) { return log.String(), nil }, Greet: time.Minute,
	}
}

// employ runs a worker of the SDK until the test ends.
func (s *stand) employ(t *testing.T, name string, p participants.Participant, log io.Writer) {
	t.Helper()
	w, err := participants.NewWorker(participants.Config{
		Name: name, Participant: p, Bus: participants.OverNATS(s.theirs), AnswerTimeout: 2 * time.Second,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// passes wants every check to pass, but for those that are named.
func passes(t *testing.T, r *Remote, untold ...string) {
	t.Helper()
	n := 0
	err := r.Check(t.Context(), func(s Score) {
		n++
		switch {
		case s.Err != nil:
			t.Errorf("%s: %v", s.Check, s.Err)
		case (s.Untold != "") != slices.Contains(untold, s.Check):
			t.Errorf("%s: not tried: %q", s.Check, s.Untold)
		}
	})
	if err != nil || n != len(remoteChecks) {
		t.Errorf("%d of %d checks, %v", n, len(remoteChecks), err)
	}
}

var suspending = []string{
	"suspends and brings back exactly what was", "suspends and restores as often as it is asked",
	"erases what is suspended, and restores nothing of it", "suspends nothing for an unknown person",
	"never takes blindness for something suspended", "suspends and restores by the undo that counts",
}

func TestAWorkerOfTheSDKPasses(t *testing.T) {
	t.Parallel()
	s, l, log := newStand(t, "larder"), newLarder(), &lines{}
	s.employ(t, "larder", pantry{l}, log)
	passes(t, s.remote(l, log), suspending...)
}

func TestAWorkerOfTheSDKThatSuspendsPasses(t *testing.T) {
	t.Parallel()
	passes(t, remoteCabinet(t, ""), "renews its permit while it works", "stops when its permit is not renewed",
		"refuses a verb that it lacks", "keeps identifiers out of its log")
}

// remoteCabinet is a cabinet behind a worker of the SDK.
func remoteCabinet(t *testing.T, defect string) *Remote {
	t.Helper()
	s := newStand(t, "cabinet")
	p, f := newCabinet(defect)
	c := p.(*cabinet)
	full := slices.Clone(c.drawers)
	locked := func(change func()) func() error {
		return func() error {
			c.mu.Lock()
			defer c.mu.Unlock()
			change()
			return nil
		}
	}
	f.Break = locked(func() { c.broken = true })
	s.employ(t, "cabinet", c, io.Discard)
	return &Remote{
		Fixture: f, Conn: s.ours, Greet: time.Minute,
		Seed: locked(func() { c.drawers = slices.Clone(full) }), Mend: locked(func() { c.broken = false }),
	}
}

func TestWhoSuspendsAndLiesIsFoundOverTheBus(t *testing.T) {
	t.Parallel()
	for defect, by := range map[string]string{
		"empty undo":                  "suspends and brings back exactly what was",
		"suspends too early":          "suspends and brings back exactly what was",
		"suspends everybody":          "suspends nothing for an unknown person",
		"opens everything":            "suspends and restores as often as it is asked",
		"goes by what it saw last":    "suspends and restores by the undo that counts",
		"cannot erase what is locked": "erases what is suspended, and restores nothing of it",
		"resurrects":                  "erases what is suspended, and restores nothing of it",
		"blind":                       "never takes blindness for something suspended",
	} {
		if err := judged(t, remoteCabinet(t, defect), by); err == nil {
			t.Errorf("%s: %q does not find it", defect, by)
		}
	}
}

func TestAWorkerOnNothingButAClientPasses(t *testing.T) {
	t.Parallel()
	s, l, log := newStand(t, "larder"), newLarder(), &lines{}
	go (&rogue{t: t, nc: s.theirs, name: "larder", larder: l, log: log, me: []string{"u-check-0042"}}).run()
	passes(t, s.remote(l, log), suspending...)
}

// TestEveryLiarIsFound has a worker with each defect do what the check for it asks.
func TestEveryLiarIsFound(t *testing.T) {
	t.Parallel()
	var judging sync.WaitGroup
	defer judging.Wait()
	for defect, by := range map[string]string{
		"has one ability":                 "says who it is and what it can do",
		"acks first":                      "acks no doorbell, and acts on none, before its claim is answered",
		"acts on the doorbell":            "acks no doorbell, and acts on none, before its claim is answered",
		"acts on each doorbell":           "acts once, however often the doorbell rings",
		"remembers sagas":                 "acts again in a new round",
		"takes silence for a yes":         "asks again when the answer to its claim was lost, and acts once",
		"reports once":                    "reports again when the receipt was lost, and does not act again",
		"acts before it reports again":    "reports again when the receipt was lost, and does not act again",
		"reports under new ids":           "reports again when the receipt was lost, and does not act again",
		"claims what its predecessor did": "is told that it may be done, and finds nothing",
		"ignores refusals":                "obeys a refusal",
		"counts from the arrival":         "does nothing under a permit that is dead when it arrives",
		"ignores the deadline":            "does nothing after the end of its permit",
		"never renews":                    "renews its permit while it works",
		"never hears a no":                "stops when its permit is not renewed",
		"does not compare":                "does nothing under a permit that is not for the step, or names nobody",
		"takes any permit":                "does nothing under a permit that is not for the step, or names nobody",
		"takes nobody for everybody":      "does nothing under a permit that is not for the step, or names nobody",
		"widens items":                    "never takes a single item for the whole share",
		"lacks and does":                  "refuses a verb that it lacks",
		"takes any verb for an erase":     "acks what is no command, and leaves it at that",
		"counts nothing":                  "counts what is there",
		"says erased and keeps":           "erases its share and nothing else",
		"erases the neighbour":            "erases its share and nothing else",
		"always says erased":              "is absent for an unknown person",
		"knows patterns":                  "touches nothing for a hostile identifier",
		"erases when it counts":           "only reads when it counts and resolves",
		"blind":                           "never takes blindness for absence",
		"is no report":                    "sends what the schemas take, and nothing else",
		"leaks into a report":             "keeps identifiers out of what it sends",
		"leaks into its log":              "keeps identifiers out of its log",
	} {
		s, l, log := newStand(t, "larder"), newLarder(), &lines{}
		go (&rogue{t: t, nc: s.theirs, name: "larder", larder: l, log: log, defect: defect, me: []string{"u-check-0042"}}).run()
		judging.Go(func() { // they wait, most of the time
			err := judged(t, s.remote(l, log), by)
			if err == nil {
				t.Errorf("%s: %q does not find it", defect, by)
			} else if strings.Contains(err.Error(), "u-check-0042") {
				t.Errorf("%s: the finding holds an identifier: %v", defect, err)
			}
		})
	}
}

// judged is what the named check finds.
func judged(t *testing.T, r *Remote, name string) error {
	at := slices.IndexFunc(remoteChecks, func(c check) bool { return c.name == name })
	if at < 0 {
		t.Errorf("no check %q", name)
		return nil
	}
	w, err := newWire(r.Conn, r.Name, valuesOf(r.Subject, r.Neighbour, r.Unknown))
	if err != nil {
		t.Error(err)
		return nil
	}
	defer func() { _ = w.close() }()
	w.patience = 20 * time.Second
	h, err := w.awaitHello(t.Context(), time.Minute)
	if err != nil {
		t.Error(err)
		return nil
	}
	s, err := r.score(t.Context(), w, h, remoteChecks[at])
	if err != nil || s.Untold != "" {
		t.Errorf("%s: not tried: %q, %v", name, s.Untold, err)
	}
	return s.Err
}

func TestWhatCannotBeCheckedOverTheBusIsACheck(t *testing.T) {
	for _, name := range inProcess {
		if !slices.ContainsFunc(checks, func(c check) bool { return c.name == name }) {
			t.Errorf("no check %q", name)
		}
	}
}
