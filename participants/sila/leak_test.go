package sila_test

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
	"github.com/expunge-io/expunge/participants/sila"
)

const canary = "canary-0042-leak"

// TestNoErrorHoldsAnIdentifier drives every way in which a vendor can fail, with answers
// that repeat what was sent.
func TestNoErrorHoldsAnIdentifier(t *testing.T) {
	servers := map[string]http.HandlerFunc{
		"cut":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half":      half,
		"not http":  notHTTP,
		"garbage":   echo,
		"another's": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"success":true,"user_handle":"x"}`) },
		"redirect":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/"+canary, 307) },
		"slow":      slow,
	}
	for _, status := range []int{201, 204, 301, 400, 401, 403, 404, 405, 409, 418, 429, 500, 503} {
		servers[fmt.Sprint(status)] = func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			if status != 204 {
				echo(w, r)
			}
		}
	}
	for name, handler := range servers {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(handler)
			defer srv.Close()
			for _, c := range []sila.Config{oauth(srv.URL), signing(srv.URL, ""), signing(srv.URL, userKey)} {
				c.Timeout = 200 * time.Millisecond
				wantSilence(t, connect(t, c))
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		srv := httptest.NewServer(nil)
		srv.Close()
		wantSilence(t, connect(t, oauth(srv.URL)))
	})
	t.Run("untrusted certificate", func(t *testing.T) {
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		defer srv.Close()
		wantMisconfigured(t, wantSilence(t, connect(t, oauth(srv.URL))), "tls_certificate")
	})
}

// wantSilence wants an error from each call, and no trace of the identifiers in it.
func wantSilence(t *testing.T, p *sila.Participant) error {
	t.Helper()
	var last error
	lists := [][]string{
		{"sila_handle=" + canary, "sila_user_key=" + userKey},
		{"sila_handle=" + canary, "sila_user_key=" + canary},
		{"sila_handle=" + canary + "/" + canary, "sila_user_key=" + userKey},
	}
	for i, ids := range lists {
		for name, work := range works(p) {
			bad := task(events.Erase, ids...)
			bad.Items = []events.Item{named("emails", canary)}
			for _, tk := range []error{work(t.Context(), task(events.Erase, ids...)), work(t.Context(), bad)} {
				if tk == nil {
					t.Errorf("%s: no error", name)
					continue
				}
				if i == 0 {
					last = tk
				}
				for _, text := range []string{tk.Error(), fmt.Sprintf("%+v %#v", tk, tk)} {
					if strings.Contains(text, "canary") || strings.Contains(text, userKey[2:]) {
						t.Errorf("%s leaks: %s", name, text)
					}
				}
			}
		}
	}
	return last
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, `{"success":false,"message":"about %s %s"}`, canary, strings.ReplaceAll(string(body), `"`, `'`))
}

// slow reads the body first: before that a server does not see that the client is gone.
func slow(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func half(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, canary)
}

// notHTTP answers with a line that net/http quotes in its error.
func notHTTP(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprintf(conn, "%s\r\n\r\n", canary)
	_ = conn.Close()
}
