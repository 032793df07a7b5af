package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/expunge-io/expunge/orchestrator/api"
)

// TestAWebPageCannotAskForAnErasure sends what any page on the web can make a browser
// send to a loopback address without asking it first.
func TestAWebPageCannotAskForAnErasure(t *testing.T) {
	h := api.New(api.Config{Orchestrator: &desk{}, Source: "demo", Gatherer: prometheus.NewRegistry()})
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080/v1/erasures", strings.NewReader(`{"user_id":"u-0042"}`))
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("Origin", "https://evil.example.com")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code < 400 {
		t.Errorf("answered %d", w.Code)
	}
}
