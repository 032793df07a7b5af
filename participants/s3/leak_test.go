package s3_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
)

const canary = "canary-0042-leak"

// TestNoErrorHoldsAnIdentifier drives every way in which a store can fail, with answers that
// quote the request.
func TestNoErrorHoldsAnIdentifier(t *testing.T) {
	servers := map[string]http.HandlerFunc{
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			fmt.Fprint(w, canary)
		},
		"garbage":  func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL) },
		"html":     func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "<html>%s</html>", r.URL.Path) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/"+canary, 307) },
		"slow":     func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() },
		"badly coded": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "<R><Name>b</Name><Prefix>users%%2F%s%%2F</Prefix><EncodingType>url</EncodingType><Version><Key>users%%2F%[1]s%%2F%%zz</Key></Version></R>", canary)
		},
		"another key": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "<R><Name>b</Name><Prefix>users/%s/</Prefix><Version><Key>%[1]s</Key></Version></R>", canary)
		},
	}
	for _, code := range []string{"NoSuchBucket", "NoSuchKey", "AccessDenied", "SlowDown", "SignatureDoesNotMatch", "InternalError", "PermanentRedirect", "KeyTooLongError", canary} {
		for _, status := range []int{200, 301, 400, 403, 404, 500, 503} {
			servers[fmt.Sprint(code, status)] = func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message><Key>%[2]s</Key><Resource>%[2]s</Resource></Error>", code, canary)
			}
		}
	}
	for name, handler := range servers {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(handler)
			defer srv.Close()
			wantSilence(t, srv.URL)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		srv := httptest.NewServer(nil)
		srv.Close()
		wantSilence(t, srv.URL)
	})
	t.Run("untrusted certificate", func(t *testing.T) {
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		defer srv.Close()
		wantMisconfigured(t, wantSilence(t, srv.URL), "tls_certificate")
	})
}

// TestNoErrorOfADeletionHoldsAnIdentifier: the listings are good.
func TestNoErrorOfADeletionHoldsAnIdentifier(t *testing.T) {
	for _, code := range []string{"AccessDenied", "InternalError", "SlowDown", canary} {
		for _, status := range []int{200, 400, 403, 500, 503} {
			f := &fake{uploads: []fakeVersion{{Key: photo(canary, 3), Upload: "u"}}}
			f.fault = func(w http.ResponseWriter, _ *http.Request, op string) bool {
				if op == "versions" || op == "uploads" {
					return false
				}
				fail(w, status, code)
				return true
			}
			f.put(photo(canary, 1), photo(canary, 2))
			_, err := f.connect(t, photos).Erase(t.Context(), task(events.Erase, canary))
			silent(t, err)
		}
	}
}

// wantSilence wants an error from each call, and no trace of the identifier in it.
func wantSilence(t *testing.T, root string) error {
	t.Helper()
	c := (&fake{}).config(t, photos)
	c.Endpoint, c.Timeout = root, 200*time.Millisecond
	p := open(t, c)
	_, errE := p.Erase(t.Context(), task(events.Erase, canary))
	_, errC := p.Count(t.Context(), task(events.Verify, canary))
	silent(t, errE)
	silent(t, errC)
	return errors.Join(errE, errC)
}

func silent(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
		if strings.Contains(strings.ToLower(text), "canary") {
			t.Errorf("leaks: %s", text)
		}
	}
}
