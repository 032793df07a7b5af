package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/cmd/expunge/demo"
	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
	"github.com/expunge-io/expunge/participants/sandbox"
)

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
