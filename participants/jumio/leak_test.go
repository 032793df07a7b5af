package jumio_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/jumio"
)

const canary = "canary-0042-leak"

// TestNoErrorHoldsAnIdentifier drives every way in which a vendor can fail.
func TestNoErrorHoldsAnIdentifier(t *testing.T) {
	servers := map[string]http.HandlerFunc{
		"cut":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half":      func(w http.ResponseWriter, r *http.Request) { half(w, r) },
		"not http":  notHTTP,
		"garbage":   func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) },
		"another's": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"scanReference":"x","status":"DONE"}`) },
		"redirect":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere"+r.URL.Path, 307) },
		"slow":      func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for _, status := range []int{204, 301, 400, 401, 403, 404, 405, 409, 418, 423, 429, 500, 503} {
		servers[fmt.Sprint(status)] = func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			if status != 204 {
				fmt.Fprintf(w, `{"message":"about %s"}`, r.URL.Path)
			}
		}
	}
	for name, handler := range servers {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(handler)
			defer srv.Close()
			c := config(srv.URL)
			c.Timeout = 200 * time.Millisecond
			wantSilence(t, connect(t, c))
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		srv := httptest.NewServer(nil)
		srv.Close()
		wantSilence(t, connect(t, config(srv.URL)))
	})
	t.Run("untrusted certificate", func(t *testing.T) {
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		defer srv.Close()
		err := wantSilence(t, connect(t, config(srv.URL)))
		wantMisconfigured(t, err, "tls_certificate")
	})
}

// wantSilence wants an error from each call, and no trace of the identifiers in it.
func wantSilence(t *testing.T, p *jumio.Participant) error {
	t.Helper()
	var last error
	ids := []string{"jumio_scan=eu:" + canary, "jumio_scan=us:" + canary, "jumio_scan=moon:" + canary, "jumio_scan=eu:" + canary + "/../" + canary}
	for name, work := range works(p) {
		for _, id := range ids {
			err := work(t.Context(), task(events.Resolve, id))
			if err == nil {
				t.Errorf("%s: no error", name)
				continue
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
				if strings.Contains(strings.ToLower(text), "canary") {
					t.Errorf("%s leaks: %s", name, text)
				}
			}
			if id == ids[0] {
				last = err
			}
		}
	}
	return last
}

func half(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, r.URL.Path)
}

// notHTTP answers with a line that net/http quotes in its error.
func notHTTP(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprintf(conn, "%s\r\n\r\n", r.URL.Path)
	_ = conn.Close()
}
