package sila_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/sandbox"
	"github.com/expunge-io/expunge/participants/sila"
)

// The keys are those of the vectors, and one more.
const (
	appKey      = "0x1111111111111111111111111111111111111111111111111111111111111101"
	appAddress  = "0x667fF918754239Bc5DfB39EfE943f29c735E7CB4"
	userKey     = "0x2222222222222222222222222222222222222222222222222222222222222202"
	userAddress = "0x48D8fb8815F4178B07c2583cf2A2f42de1bF8C4b"
	otherKey    = "3333333333333333333333333333333333333333333333333333333333333303"
)

var then = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// vendor is a look-alike with a person who is kept as a probe, and a participant.
type vendor struct {
	*sandbox.Sila
	url string
	p   *sila.Participant
}

// id makes UUIDs that can be told apart.
func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func data(kind string, n int) sandbox.SilaItem {
	return sandbox.SilaItem{Kind: kind, UUID: id(n), Value: "value", Added: then}
}

func person(handle string, items ...sandbox.SilaItem) sandbox.SilaEntity {
	return sandbox.SilaEntity{App: "our_app", Handle: handle, Addresses: []string{userAddress}, Data: items}
}

// full is a person with two e-mail addresses, and one item of each other kind.
func full(handle string, n int) sandbox.SilaEntity {
	return person(handle, data("emails", n), data("emails", n+1), data("phones", n+2), data("addresses", n+3), data("identities", n+4))
}

func startVendor(t *testing.T, people ...sandbox.SilaEntity) vendor {
	t.Helper()
	s, err := sandbox.OpenSila(sandbox.SilaConfig{
		Now: time.Now, Journal: filepath.Join(t.TempDir(), "journal"),
		Apps: []sandbox.SilaApp{
			{Handle: "our_app", Address: appAddress, ClientID: "client", ClientSecret: "secret"},
			{Handle: "their_app", ClientID: "theirs", ClientSecret: "theirs"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Put(append(people, person("probe"))...); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return vendor{s, srv.URL, connect(t, oauth(srv.URL))}
}

func oauth(url string) sila.Config {
	return sila.Config{API: url, AppHandle: "our_app", ClientID: "client", ClientSecret: "secret", Probe: "probe"}
}

// signing is a configuration with keys instead; without the users' key if it is empty.
func signing(url, userKey string) sila.Config {
	return sila.Config{API: url, AppHandle: "our_app", AppKey: appKey, UserKey: userKey, Probe: "probe"}
}

func connect(t *testing.T, c sila.Config) *sila.Participant {
	t.Helper()
	p, err := sila.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// task brings identifiers as type=value.
func task(verb events.Verb, ids ...string) participants.Task {
	t := participants.Task{Saga: "saga", Verb: verb, Round: 1, Attempt: 1, Realm: "main"}
	for _, id := range ids {
		typ, value, _ := strings.Cut(id, "=")
		t.Identifiers = append(t.Identifiers, events.Identifier{Type: events.IdentifierType(typ), Value: events.Private(value)})
	}
	return t
}

func mia() participants.Task { return task(events.Erase, "sila_handle=mia") }

// left counts in the look-alike's own store.
func (v vendor) left(handle string) (n int) {
	for _, e := range v.Stored() {
		if e.Handle == handle {
			n += len(e.Data)
		}
	}
	return n
}

// effects are how often something was really deleted, and of how many items.
func (v vendor) effects() (deletions, items int) {
	for _, d := range v.Ledger() {
		deletions += d.Effects
		if d.Effects > 0 {
			items++
		}
	}
	return deletions, items
}

func (v vendor) wantEffects(t *testing.T, want int) {
	t.Helper()
	if deletions, items := v.effects(); deletions != want || items != want {
		t.Errorf("%d deletions of %d items, want %d, each once", deletions, items, want)
	}
}

func wantCounts(t *testing.T, got events.Counts, err error, want events.Counts) {
	t.Helper()
	if err != nil || got.Total() != want.Total() {
		t.Fatalf("counts %v, error %v; want %v", got, err, want)
	}
	for kind, n := range want {
		if got[kind] != n {
			t.Errorf("counts %v, want %v", got, want)
		}
	}
}

func wantMisconfigured(t *testing.T, err error, code string) {
	t.Helper()
	var fault *participants.Misconfigured
	if !errors.As(err, &fault) || fault.Code != code {
		t.Fatalf("error %v, want misconfigured: %s", err, code)
	}
}

func wantRetry(t *testing.T, err error, code string, after time.Duration) {
	t.Helper()
	var retry *participants.RetryAfter
	if !errors.As(err, &retry) || retry.Code != code || retry.After != after {
		t.Fatalf("error %v, want retry after %s: %s", err, after, code)
	}
}

// wantTransient wants an error that is no verb.
func wantTransient(t *testing.T, err error) {
	t.Helper()
	var retry *participants.RetryAfter
	var fault *participants.Misconfigured
	var kept *participants.Retained
	var refused *participants.Refuse
	if err == nil || errors.As(err, &retry) || errors.As(err, &fault) || errors.As(err, &kept) || errors.As(err, &refused) {
		t.Fatalf("error %v, want an ordinary one", err)
	}
}

func erased(t *testing.T, p *sila.Participant, task participants.Task) participants.Result {
	t.Helper()
	res, err := p.Erase(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// works are the calls of the SDK, for tests that are about all of them.
func works(p *sila.Participant) map[string]func(context.Context, participants.Task) error {
	return map[string]func(context.Context, participants.Task) error{
		"erase": func(ctx context.Context, t participants.Task) error { _, err := p.Erase(ctx, t); return err },
		"count": func(ctx context.Context, t participants.Task) error { _, err := p.Count(ctx, t); return err },
	}
}
