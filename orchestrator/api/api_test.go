package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/orchestrator/api"
	"github.com/expunge-io/expunge/storage"
)

// desk answers as it is told; the orchestrator behind the real door is tested in its own
// package and end to end.
type desk struct {
	got   events.Request
	from  string
	err   error
	sum   []byte
	ready error
}

func (d *desk) Submit(_ context.Context, source string, r events.Request) (events.Acceptance, error) {
	d.got, d.from = r, source
	return events.Acceptance{Saga: "s-1", Request: "s-1.1", State: events.Resolving}, d.err
}

func (d *desk) Status(context.Context, string, string) (events.Status, error) {
	return events.Status{Saga: "s-1", State: events.Erasing}, d.err
}

func (d *desk) Summary(context.Context, string, string) ([]byte, error) {
	if d.sum == nil {
		return nil, storage.ErrNotFound
	}
	return d.sum, d.err
}

func (d *desk) Ready() error { return d.ready }

func serve(t *testing.T, d *desk) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(api.New(api.Config{Orchestrator: d, Source: "demo", Gatherer: prometheus.NewRegistry()}))
	t.Cleanup(s.Close)
	return s
}

func call(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestARequestIsAcceptedWithItsLocation(t *testing.T) {
	d := &desk{}
	s := serve(t, d)
	res, body := call(t, "POST", s.URL+"/v1/erasures", `{"user_id":"u-1"}`, "Idempotency-Key", "k-1")
	if res.StatusCode != http.StatusAccepted || res.Header.Get("Location") != "/v1/erasures/s-1" || !strings.Contains(body, `"saga":"s-1"`) {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	if d.got.UserID != "u-1" || d.got.IdempotencyKey != "k-1" || d.from != "demo" {
		t.Errorf("submitted %q from %s", d.got.IdempotencyKey, d.from)
	}
}

func TestFaultsAreProblemsWithoutAnEcho(t *testing.T) {
	problem := func(code string) error { return &bus.ProblemError{Problem: events.Problem{Code: code, Detail: "no"}} }
	for name, c := range map[string]struct {
		body   string
		err    error
		status int
	}{
		"not json":          {`canary`, nil, 400},
		"unknown field":     {`{"user_id":"canary","canary":1}`, nil, 400},
		"too large":         {`{"user_id":"` + strings.Repeat("canary", 20_000) + `"}`, nil, 413},
		"not served":        {`{"user_id":"canary"}`, problem(events.CodeUnsupported), 422},
		"wrong plan":        {`{"user_id":"canary"}`, problem(events.CodeInvalid), 400},
		"queue full":        {`{"user_id":"canary"}`, problem(events.CodeBusy), 503},
		"stopped":           {`{"user_id":"canary"}`, errors.New("canary"), 503},
		"somebody else's":   {`{"user_id":"canary"}`, problem(events.CodeUnknown), 404},
		"too late, however": {`{"user_id":"canary"}`, problem(events.CodeTooLate), 409},
	} {
		s := serve(t, &desk{err: c.err})
		res, body := call(t, "POST", s.URL+"/v1/erasures", c.body)
		var p struct {
			Type   string
			Status int
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil || res.StatusCode != c.status || p.Status != c.status || !strings.HasPrefix(p.Type, "urn:expunge:problem:") {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
		if res.Header.Get("Content-Type") != "application/problem+json" || strings.Contains(body, "canary") {
			t.Errorf("%s: %s %s", name, res.Header.Get("Content-Type"), body)
		}
	}
}

func TestTheSummaryIsServedAsItWasStored(t *testing.T) {
	d := &desk{}
	s := serve(t, d)
	if res, _ := call(t, "GET", s.URL+"/v1/erasures/s-1/summary", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("under way: %d", res.StatusCode)
	}
	d.sum = []byte(`{"state" : "completed"}`)
	if _, body := call(t, "GET", s.URL+"/v1/erasures/s-1/summary", ""); body != string(d.sum) {
		t.Errorf("got %s", body)
	}
}

func TestWebPagesAreKeptOut(t *testing.T) {
	d := &desk{}
	s := serve(t, d)
	for name, header := range map[string][2]string{
		"another site":      {"Sec-Fetch-Site", "cross-site"},
		"another origin":    {"Origin", "http://evil.example"},
		"no origin to name": {"Origin", "null"},
	} {
		res, _ := call(t, "POST", s.URL+"/v1/erasures", `{"user_id":"u-1"}`, header[0], header[1])
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest || d.from != "" {
		t.Errorf("rebound name: %d, submitted from %q", res.StatusCode, d.from)
	}
}

func TestReadinessSaysWhyNot(t *testing.T) {
	d := &desk{ready: errors.New("the bus is not connected")}
	s := serve(t, d)
	if res, body := call(t, "GET", s.URL+"/readyz", ""); res.StatusCode != 503 || !strings.Contains(body, "bus") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, _ := call(t, "GET", s.URL+"/healthz", ""); res.StatusCode != 200 {
		t.Errorf("healthz %d", res.StatusCode)
	}
	if res, _ := call(t, "GET", s.URL+"/metrics", ""); res.StatusCode != 200 {
		t.Errorf("metrics %d", res.StatusCode)
	}
}
