package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/sandbox"
)

// send makes a request of the inspection endpoints and returns its answer.
func send(t *testing.T, method, url, body string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

// openedSandbox serves the sandbox and returns its workers, made from what it prints.
func openedSandbox(t *testing.T, folder string) (url string, workers map[string]config.Adapter) {
	t.Helper()
	v, err := openSandbox(folder)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(v)
	t.Cleanup(func() {
		srv.Close()
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := config.Parse("sandbox.yaml", []byte("nats: {url: 'nats://127.0.0.1:4222'}\n"+sandboxConfig(srv.URL)))
	if err != nil {
		t.Fatal(err)
	}
	workers = map[string]config.Adapter{}
	for name, w := range c.Workers {
		a, err := w.Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		workers[name] = a
	}
	return srv.URL, workers
}

// shares are one person's things at each vendor, and what a worker is told of them.
var shares = map[string]struct {
	vendor, stored string
	id             events.Identifier
}{
	"verification-images": {"jumio", `[{"region":"eu","kind":"scans","reference":"r-1"}]`, events.Identifier{Type: "jumio_scan", Value: "eu:r-1"}},
	"identity-provider":   {"cognito", `[{"username":"ada","sub":"11111111-2222-4333-8444-555555555555"}]`, events.Identifier{Type: "cognito_username", Value: "ada"}},
	"profiles":            {"capture", `[{"uuid":"11111111-2222-4333-8444-555555555555"}]`, events.Identifier{Type: "capture_uuid", Value: "11111111-2222-4333-8444-555555555555"}},
	"registration-data":   {"sila", `[{"handle":"ada","data":[{"kind":"emails","uuid":"11111111-2222-4333-8444-555555555555","value":"ada@example.com"}]}]`, events.Identifier{Type: "sila_handle", Value: "ada"}},
}

func TestTheSandboxPrintsWorkersThatEraseInIt(t *testing.T) {
	folder := t.TempDir()
	url, workers := openedSandbox(t, folder)
	for name, share := range shares {
		at := url + "/sandbox/" + share.vendor
		if status, text := send(t, http.MethodPut, at+"/stored", share.stored); status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", share.vendor, status, text)
		}
		if c, ok := workers[name].(interface {
			Check(ctx context.Context) error
		}); ok {
			if err := c.Check(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		task := participants.Task{Saga: "s", Verb: events.Erase, Realm: "any", Identifiers: []events.Identifier{share.id}}
		res, err := workers[name].Erase(t.Context(), task)
		if err != nil || res.Verdict != events.Erased || res.Counts.Total() != 1 {
			t.Errorf("%s: %+v, %v; want one erased", name, res, err)
		}
		_, text := send(t, http.MethodGet, at+"/ledger", "")
		var ledger []sandbox.Deletion
		if err := json.Unmarshal([]byte(text), &ledger); err != nil || len(ledger) != 1 || ledger[0].At.IsZero() {
			t.Errorf("%s: ledger %s, %v", share.vendor, text, err)
		}
		if _, text = send(t, http.MethodGet, at+"/stored", ""); strings.Contains(text, "555555555555") || strings.Contains(text, "r-1") {
			t.Errorf("%s still stores %s", share.vendor, text)
		}
	}
}

func TestWhatNobodyCouldSeeIsNotStored(t *testing.T) {
	url, _ := openedSandbox(t, "")
	for body, want := range map[string]string{
		`jumio [{"region":"mars","kind":"scans","reference":"r"}]`:                "region: want one of [us eu sgp]",
		`jumio [{"tenant":"other","region":"eu","kind":"scans","reference":"r"}]`: "tenant: want one of [sandbox]",
		`jumio [{"region":"eu","kind":"scans"}]`:                                  "reference: missing",
		`cognito [{"username":"ada"}]`:                                            "sub: missing",
		`sila [{"handle":"ada","data":[{"kind":"pets","uuid":"u"}]}]`:             "data[0].kind: want one of",
		`sila [{"handle":"ada","verification":"maybe"}]`:                          "verification: want one of",
		`capture [{"uuid":"u"}]`:                                                  "uuid: want one in its canonical form",
		`capture [{"uuid":"11111111-2222-4333-8444-555555555555","type":"pet"}]`:  "type: want one of [user]",
		`capture [{"uuids":"u"}]`:                                                 `unknown field "uuids"`,
		`capture {}`:                                                              "want a JSON list",
	} {
		vendor, things, _ := strings.Cut(body, " ")
		status, text := send(t, http.MethodPut, url+"/sandbox/"+vendor+"/stored", things)
		if status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s; want 400 and %q", body, status, text, want)
		}
	}
	for _, path := range []string{"/sandbox/other/stored", "/sandbox/jumio/other", "/sandbox/", "/nowhere"} {
		if status, _ := send(t, http.MethodGet, url+path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, status)
		}
	}
}

func TestTheSandboxKeepsWhatItsFolderHolds(t *testing.T) {
	folder := t.TempDir()
	t.Run("before", func(t *testing.T) {
		url, _ := openedSandbox(t, folder)
		for _, share := range shares {
			send(t, http.MethodPut, url+"/sandbox/"+share.vendor+"/stored", share.stored)
		}
	})
	t.Run("after", func(t *testing.T) {
		url, _ := openedSandbox(t, folder)
		for _, share := range shares {
			if _, text := send(t, http.MethodGet, fmt.Sprintf("%s/sandbox/%s/stored", url, share.vendor), ""); !strings.Contains(text, "5555") && !strings.Contains(text, "r-1") {
				t.Errorf("%s: %s", share.vendor, text)
			}
		}
	})
}
