package cognito_test

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
	"github.com/expunge-io/expunge/participants/cognito"
)

const canary = "canary-0042-leak"

// TestNoErrorHoldsAnIdentifier drives every way in which a vendor can fail, with answers
// that quote the request.
func TestNoErrorHoldsAnIdentifier(t *testing.T) {
	servers := map[string]http.HandlerFunc{
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			fmt.Fprint(w, canary)
		},
		"garbage":  func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) },
		"no user":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/"+canary, 307) },
		"slow":     func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() },
		"identities": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"Username":%q,"UserAttributes":[{"Name":"identities","Value":"[%s"}]}`, canary, canary)
		},
		"alias": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"Username":"%s-x"}`, canary) },
		"html": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			fmt.Fprint(w, "<html>"+canary)
		},
	}
	for _, code := range []string{
		"ResourceNotFoundException", "TooManyRequestsException", "NotAuthorizedException", "InvalidParameterException",
		"InternalErrorException", "CognitoLocal#Unsupported", "UnrecognizedClientException", canary,
	} {
		for _, status := range []int{400, 403, 429, 500, 503} {
			servers[fmt.Sprint(code, status)] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Amzn-Errortype", code)
				w.WriteHeader(status)
				fmt.Fprintf(w, `{"__type":%q,"message":"Value '%s' at 'username' failed"}`, code, canary)
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
		p := connect(t, config(srv.URL))
		wantSilence(t, p)
		_, err := p.Count(t.Context(), task(events.Resolve, kim))
		wantMisconfigured(t, err, "tls_certificate")
	})
}

// wantSilence wants an error from each call, and no trace of the identifiers in it.
func wantSilence(t *testing.T, p *cognito.Participant) {
	t.Helper()
	for name, work := range works(p) {
		err := work(t.Context(), task(events.Resolve, "cognito_username="+canary, "cognito_sub="+canary))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
			if strings.Contains(strings.ToLower(text), "canary") {
				t.Errorf("%s leaks: %s", name, text)
			}
		}
	}
}
