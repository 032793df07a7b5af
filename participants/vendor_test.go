package participants_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/participants"
)

func TestRetryAfterHeader(t *testing.T) {
	const sent = "Sun, 01 Mar 2026 12:00:00 GMT"
	cases := map[string]struct {
		value string
		want  time.Duration
	}{
		"seconds":           {"7", 7 * time.Second},
		"zero":              {"0", time.Second},
		"negative":          {"-5", time.Second},
		"too long":          {"999999", time.Hour},
		"date":              {"Sun, 01 Mar 2026 12:01:30 GMT", 90 * time.Second},
		"date in the past":  {"Sun, 01 Mar 2026 11:00:00 GMT", time.Second},
		"missing":           {"", 30 * time.Second},
		"neither":           {"soon", 30 * time.Second},
		"out of int32":      {"99999999999", 30 * time.Second},
		"date, far too far": {"Mon, 01 Mar 2027 12:00:00 GMT", time.Hour},
	}
	for name, c := range cases {
		h := http.Header{"Date": {sent}, "Retry-After": {c.value}}
		if got := participants.VendorRetry(h); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestCredentialsGoOverTLSOrNoWire(t *testing.T) {
	for _, text := range []string{"https://api.example.com", "https://api.example.com:8443/v2/", "http://127.0.0.1:8085/eu", "http://[::1]:80", "http://localhost"} {
		if err := participants.VendorURL(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"http://api.example.com", "http://10.0.0.1", "http://localhost.example.com", "ftp://127.0.0.1"} {
		if err := participants.VendorURL(text); err == nil || !strings.HasPrefix(err.Error(), "want https") {
			t.Errorf("%s: %v, want https to be demanded", text, err)
		}
	}
	for _, text := range []string{"", "api.example.com", "https://", "https://user@api.example.com", "https://api.example.com?", "https://api.example.com/#", "https://a?b=c", "https://a b"} {
		if err := participants.VendorURL(text); err == nil || !strings.HasPrefix(err.Error(), "want a base URL") {
			t.Errorf("%s: %v, want a base URL to be demanded", text, err)
		}
	}
}
