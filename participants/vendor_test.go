package participants_test

import (
	"net/http"
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
