package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
)

// TestAPlainNATSClientErasesAPerson is what people type first: nats sub, nats req with
// nothing but JSON, no credentials, no headers.
func TestAPlainNATSClientErasesAPerson(t *testing.T) {
	d := startDev(t, t.TempDir())
	defer d.stop(t)
	nc, err := nats.Connect(d.bus)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	summaries, err := nc.SubscribeSync("erasure.summary.demo")
	if err != nil {
		t.Fatal(err)
	}
	request := func(body string) (out struct{ Saga, Request, State, Code string }) {
		answer, err := nc.Request("erasure.request.demo", []byte(body), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(answer.Data, &out); err != nil {
			t.Fatalf("%s: %v", answer.Data, err)
		}
		return out
	}

	first := request(`{"user_id":"u-0042","idempotency_key":"k"}`)
	if first.Saga == "" || first.Request == "" {
		t.Fatalf("no acceptance: %+v", first)
	}
	if again := request(`{"user_id":"u-0042","idempotency_key":"k"}`); again.Saga != first.Saga {
		t.Errorf("the same key is another saga: %+v", again)
	}
	if state := summaryOf(t, summaries, first.Saga); state != events.Completed {
		t.Errorf("ended as %s", state)
	}
	unknown := request(`{"user_id":"nobody-of-ours"}`)
	if state := summaryOf(t, summaries, unknown.Saga); state != events.NotFound {
		t.Errorf("an unknown user ended as %s", state)
	}
	for _, bad := range []string{`{"user_id":"u-0044","scoop":{}}`, `{}`, `not json`, `{"user_id":"u-0044","plan":"none"}`} {
		if answer := request(bad); answer.Code == "" || answer.Saga != "" {
			t.Errorf("%s: %+v", bad, answer)
		}
	}
}

func TestTheHTTPDoorOfDev(t *testing.T) {
	d := startDev(t, t.TempDir())
	defer d.stop(t)
	post := func(body string) (int, events.Acceptance) {
		r, err := http.Post(d.http+"/v1/erasures", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		var a events.Acceptance
		_ = json.NewDecoder(r.Body).Decode(&a) // a problem has no saga
		return r.StatusCode, a
	}
	status, a := post(`{"user_id":"u-0042"}`)
	if status != http.StatusAccepted || a.Saga == "" {
		t.Fatalf("status %d, %+v", status, a)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		code, body := d.get(t, "/v1/erasures/"+a.Saga+"/summary")
		if code == http.StatusOK && strings.Contains(body, `"state":"completed"`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no summary: %d %s", code, body)
		}
		time.Sleep(20 * time.Millisecond)
	}
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "expunge_"} {
		if code, body := d.get(t, path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s", path, code, body)
		}
	}
	if _, metrics := d.get(t, "/metrics"); strings.Contains(metrics, "u-0042") || strings.Contains(metrics, a.Saga) {
		t.Error("an id is in the metrics")
	}
	if status, _ := post(`{"user_id":""}`); status != http.StatusBadRequest {
		t.Errorf("an empty user id: %d", status)
	}
}

func (d *devProcess) get(t *testing.T, path string) (int, string) {
	t.Helper()
	r, err := http.Get(d.http + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func summaryOf(t *testing.T, sub *nats.Subscription, saga string) events.State {
	t.Helper()
	for {
		m, err := sub.NextMsg(time.Minute)
		if err != nil {
			t.Fatalf("summary of %s: %v", saga, err)
		}
		_, s, err := events.Decode[events.Summary](events.Header(m.Header), m.Data)
		if err != nil {
			t.Fatal(err)
		}
		if s.Saga == saga {
			return s.State
		}
	}
}
