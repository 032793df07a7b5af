package capture_test

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
	"github.com/expunge-io/expunge/participants/capture"
)

const (
	canary     = "canary-0042-leak"
	canaryUUID = "cafe0042-cafe-4afe-8afe-cafe0042cafe"
)

// TestNoErrorHoldsAnIdentifier drives every way in which a vendor can fail, with answers
// that quote the request.
func TestNoErrorHoldsAnIdentifier(t *testing.T) {
	servers := map[string]http.HandlerFunc{
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "9999")
			echo(w, r)
		},
		"not http": notHTTP,
		"garbage":  echo,
		"another's": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"stat":"ok","result":"%s-x"}`, canaryUUID)
		},
		"no string": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"stat":"ok","result":[%q]}`, canary) },
		"redirect":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/"+canary, 307) },
		"slow":      func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() },
	}
	for _, code := range []int{-1, 0, 100, 200, 201, 222, 300, 340, 400, 402, 403, 413, 414, 500, 510, 1 << 40} {
		for _, status := range []int{200, 400, 401, 404, 429, 500} {
			servers[fmt.Sprint(code, " ", status)] = func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				fmt.Fprintf(w, `{"stat":"error","code":%d,"error":%q,"argument_name":%q,"error_description":"%s was not valid: %s"}`, code, canary, canary, canary, canaryUUID)
			}
		}
	}
	for name, handler := range servers {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(handler)
			defer srv.Close()
			c := byAll(srv.URL)
			c.Timeout = 200 * time.Millisecond
			wantSilence(t, connect(t, c))
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		srv := httptest.NewServer(nil)
		srv.Close()
		wantSilence(t, connect(t, byAll(srv.URL)))
	})
	t.Run("untrusted certificate", func(t *testing.T) {
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		defer srv.Close()
		err := wantSilence(t, connect(t, byAll(srv.URL)))
		wantMisconfigured(t, err, "tls_certificate")
	})
}

// wantSilence wants an error from each call, and no trace of the identifiers or of the
// client's secret in it.
func wantSilence(t *testing.T, p *capture.Participant) error {
	t.Helper()
	var last error
	ids := []string{"capture_uuid=" + canaryUUID, "user_id=" + canary, "capture_access_token=" + canary, "capture_uuid=" + canary}
	for name, work := range works(p) {
		for _, id := range ids {
			err := work(t.Context(), task(events.Resolve, id))
			if err == nil {
				t.Errorf("%s: no error", name)
				continue
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
				for _, private := range []string{"canary", "cafe0042", "s3cret"} {
					if strings.Contains(strings.ToLower(text), private) {
						t.Errorf("%s leaks: %s", name, text)
					}
				}
			}
			if id == ids[0] {
				last = err
			}
		}
	}
	return last
}

// echo sends back what was sent.
func echo(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }

// notHTTP answers with a line that net/http quotes in its error.
func notHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprintf(conn, "%s %s\r\n\r\n", canary, body)
	_ = conn.Close()
}
