package s3_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// wantTransient wants an error that is no verb.
func wantTransient(t *testing.T, err error) {
	t.Helper()
	for _, verb := range []any{new(*participants.Misconfigured), new(*participants.Refuse), new(*participants.Retained), new(*participants.RetryAfter)} {
		if err == nil || errors.As(err, verb) {
			t.Errorf("got %v; want an error that is tried again", err)
			return
		}
	}
}

func wantRetry(t *testing.T, err error, after time.Duration) {
	t.Helper()
	var retry *participants.RetryAfter
	if !errors.As(err, &retry) || retry.After != after || retry.Code != "rate_limited" {
		t.Errorf("got %v; want it tried again after %s", err, after)
	}
}

// TestASuccessWithErrorsInItIsNone: each key is looked at, and the others go.
func TestASuccessWithErrorsInItIsNone(t *testing.T) {
	for code, want := range map[string]func(*testing.T, error){
		"AccessDenied":    func(t *testing.T, err error) { wantMisconfigured(t, err, "no_right") },
		"InternalError":   wantTransient,
		"Whatever":        wantTransient,
		"SlowDown":        func(t *testing.T, err error) { wantRetry(t, err, 30*time.Second) },
		"NoSuchBucket":    func(t *testing.T, err error) { wantMisconfigured(t, err, "bucket_missing") },
		"InvalidArgument": wantTransient,
	} {
		t.Run(code, func(t *testing.T) {
			f := &fake{refuse: func(key string) string {
				if key == photo("kim", 2) {
					return code
				}
				return ""
			}}
			f.put(photo("kim", 1), photo("kim", 2), photo("kim", 3), photo("lee", 1))
			p := f.connect(t, photos)
			res, err := p.Erase(t.Context(), task(events.Erase, "kim"))
			want(t, err)
			if got := f.keys(); res.Counts.Total() != 2 || !slices.Equal(got, []string{photo("kim", 2), photo("lee", 1)}) {
				t.Errorf("counts %v, left %q", res.Counts, got)
			}
			wantCount(t, p, 1, "kim")
			f.refuse = nil
			wantErased(t, p, 1, "kim")
		})
	}
}

// TestSuccessWithoutDeletionIsCountedAsLeft: neither erased nor absent.
func TestSuccessWithoutDeletionIsCountedAsLeft(t *testing.T) {
	f := &fake{lie: true}
	f.put(photo("kim", 1), photo("kim", 2))
	p := f.connect(t, photos)
	res, err := p.Erase(t.Context(), task(events.Erase, "kim"))
	if err != nil || res.Counts.Total() != 0 || res.Verdict == events.Absent {
		t.Errorf("got %+v, %v; want nothing erased, and not absent", res, err)
	}
	wantCount(t, p, 2, "kim")
}

// TestRefusalsAreVerbs, whatever they are about.
func TestRefusalsAreVerbs(t *testing.T) {
	for _, op := range []string{"versions", "uploads", "batch", "abort"} {
		for _, c := range []struct {
			status int
			code   string
			want   func(*testing.T, error)
		}{
			{503, "SlowDown", func(t *testing.T, err error) { wantRetry(t, err, 7*time.Second) }},
			{503, "ServiceUnavailable", func(t *testing.T, err error) { wantRetry(t, err, 7*time.Second) }},
			{429, "Whatever", func(t *testing.T, err error) { wantRetry(t, err, 7*time.Second) }},
			{500, "InternalError", wantTransient},
			{200, "InternalError", wantTransient}, // an error that begins after the header
			{502, "Whatever", wantTransient},
			{409, "OperationAborted", wantTransient},
			{400, "RequestTimeout", wantTransient},
			{403, "SignatureDoesNotMatch", func(t *testing.T, err error) { wantMisconfigured(t, err, "credentials") }},
			{403, "RequestTimeTooSkewed", func(t *testing.T, err error) { wantMisconfigured(t, err, "credentials") }},
			{400, "ExpiredToken", func(t *testing.T, err error) { wantMisconfigured(t, err, "credentials") }},
			{404, "NoSuchBucket", func(t *testing.T, err error) { wantMisconfigured(t, err, "bucket_missing") }},
			{301, "PermanentRedirect", func(t *testing.T, err error) { wantMisconfigured(t, err, "wrong_region") }},
			{307, "TemporaryRedirect", func(t *testing.T, err error) { wantMisconfigured(t, err, "wrong_region") }},
			{403, "AccessDenied", func(t *testing.T, err error) { wantMisconfigured(t, err, "no_right") }},
			{501, "NotImplemented", func(t *testing.T, err error) { wantMisconfigured(t, err, "operation_unsupported") }},
		} {
			divided := op == "batch" && (c.code == "AccessDenied" || c.code == "NotImplemented")
			t.Run(fmt.Sprintf("%s %d %s", op, c.status, c.code), func(t *testing.T) {
				f := &fake{uploads: []fakeVersion{{Key: photo("kim", 9), Upload: "u"}}}
				f.fault = func(w http.ResponseWriter, _ *http.Request, asked string) bool {
					if asked != op && !(divided && asked == "delete") {
						return false
					}
					w.Header().Set("Retry-After", "7")
					w.Header().Set("Location", "/elsewhere/"+canary)
					fail(w, c.status, c.code)
					return true
				}
				f.put(photo("kim", 1), photo("kim", 2))
				p := f.connect(t, photos)
				res, err := p.Erase(t.Context(), task(events.Erase, "kim"))
				c.want(t, err)
				if res.Counts.Total() > 2 || len(f.keys()) == 0 {
					t.Errorf("counts %v", res.Counts)
				}
				if op == "versions" || op == "uploads" {
					_, err := p.Count(t.Context(), task(events.Verify, "kim"))
					c.want(t, err)
					c.want(t, p.Check(t.Context()))
				}
			})
		}
	}
}

// TestABatchIsNotTooLarge, and none follows once the store wants it slower.
func TestABatchIsNotTooLarge(t *testing.T) {
	slow := true
	f := &fake{refuse: func(key string) string {
		if slow && key == photo("kim", 0) {
			return "SlowDown"
		}
		return ""
	}}
	var keys []string
	for i := range 2000 {
		keys = append(keys, photo("kim", i))
	}
	f.put(keys...)
	p := f.connect(t, photos)
	res, err := p.Erase(t.Context(), task(events.Erase, "kim"))
	wantRetry(t, err, 30*time.Second)
	if n := f.did("batch"); n != 1 || res.Counts.Total() != 999 {
		t.Errorf("%d batches, %v gone", n, res.Counts)
	}
	f.change(func() { slow = false })
	wantErased(t, p, 1001, "kim")
	if n := f.did("batch") + f.did("delete"); n != 3 {
		t.Errorf("%d requests to delete 1001 more", n)
	}
}

// TestAStoreWithoutBatches: one by one, then.
func TestAStoreWithoutBatches(t *testing.T) {
	for code, status := range map[string]int{"NotImplemented": 501, "MissingContentMD5": 400, "InvalidRequest": 400} {
		f := &fake{fault: func(w http.ResponseWriter, _ *http.Request, op string) bool {
			if op == "batch" {
				fail(w, status, code)
			}
			return op == "batch"
		}}
		f.put(photo("kim", 1), photo("kim", 2), photo("kim", 3), photo("lee", 1))
		wantErased(t, f.connect(t, photos), 3, "kim")
		if f.did("delete") != 3 {
			t.Errorf("%s: %d single deletions", code, f.did("delete"))
		}
	}
}

// TestAnAnswerThatIsNoListingIsNotAnEmptyOne: that of a proxy, or of a web page.
func TestAnAnswerThatIsNoListingIsNotAnEmptyOne(t *testing.T) {
	for name, answer := range map[string]string{
		"empty":          "",
		"no XML":         "{}",
		"a page":         "<!DOCTYPE html><html><body>Welcome</body></html>",
		"another bucket": "<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>",
		"another prefix": "<ListVersionsResult><Name>bucket</Name><Bucket>bucket</Bucket><Prefix>users/</Prefix></ListVersionsResult>",
		"another key":    "<ListVersionsResult><Name>bucket</Name><Bucket>bucket</Bucket><Prefix>users/kim/</Prefix><Version><Key>users/lee/1</Key></Version><Upload><Key>x</Key></Upload></ListVersionsResult>",
	} {
		for _, op := range []string{"versions", "uploads"} {
			f := &fake{fault: func(w http.ResponseWriter, _ *http.Request, asked string) bool {
				if asked == op {
					fmt.Fprint(w, answer)
				}
				return asked == op
			}}
			p := f.connect(t, photos)
			_, err := p.Count(t.Context(), task(events.Verify, "kim"))
			if wantMisconfigured(t, err, "no_listing"); t.Failed() {
				t.Fatal(name, op)
			}
			if _, err := p.Erase(t.Context(), task(events.Erase, "kim")); err == nil || f.did("batch")+f.did("delete") > 0 {
				t.Errorf("%s: erased by it: %v", name, err)
			}
		}
	}
	for name, answer := range map[string]string{
		"cut":          "<ListVersionsResult><Name>bucket</Name><Prefix>users/kim/",
		"without mark": "<R><Name>bucket</Name><Prefix>users/kim/</Prefix><IsTruncated>true</IsTruncated></R>",
		"endless":      "<R><Name>bucket</Name><Prefix>users/kim/</Prefix><IsTruncated>true</IsTruncated><NextKeyMarker>users/kim/1</NextKeyMarker></R>",
		"badly coded":  "<R><Name>bucket</Name><Prefix>users/kim/</Prefix><EncodingType>url</EncodingType><Version><Key>users/kim/%zz</Key></Version></R>",
		"too long":     "<R>" + strings.Repeat("<Name>bucket</Name>", 1<<20),
	} {
		f := &fake{fault: func(w http.ResponseWriter, _ *http.Request, _ string) bool { fmt.Fprint(w, answer); return true }}
		_, err := f.connect(t, photos).Count(t.Context(), task(events.Verify, "kim"))
		if wantTransient(t, err); t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestListingsAreDecoded: keys that XML cannot hold, over several pages, and a store that does
// not encode.
func TestListingsAreDecoded(t *testing.T) {
	odd := []string{"a+b", "a b", "100%", "%2F", "%zz", "a&b", "<a>", "ü", "\U0001F600", "two\nlines", "cr\rlf\r\n", "\x01\x02", "\x7f", "\uFFFE", "\uFFFD", "~*'()!", "a//b", "../x", "."}
	for _, page := range []int{1, 2, 1000} {
		f := &fake{page: page}
		for i, name := range odd {
			f.put("users/k+m %/"+name, "users/k+m %/"+name, "users/k+m %x/"+name)
			f.uploads = append(f.uploads, fakeVersion{Key: "users/k+m %/" + name, Upload: fmt.Sprint("u", i)})
		}
		slices.SortFunc(f.uploads, func(a, b fakeVersion) int { return strings.Compare(a.Key, b.Key) })
		wantErased(t, f.connect(t, photos), int64(3*len(odd)), "k+m %")
		if got := f.keys(); len(got) != len(odd) {
			t.Errorf("left %q", got)
		}
	}
	f := &fake{plain: true, page: 2}
	f.put("users/k+m %/a+b", "users/k+m %/%2F", "users/k+m %/%zz", "users/k m %/a+b")
	wantErased(t, f.connect(t, photos), 3, "k+m %")
}

// TestAKeyLikeAPathIsNotPutIntoAURL: a proxy could make another person's of it.
func TestAKeyLikeAPathIsNotPutIntoAURL(t *testing.T) {
	for _, key := range []string{"users/kim/../lee/1", "users/kim//1", "users/kim/./1", "users/kim/.."} {
		f := &fake{}
		f.put(key)
		p := f.connect(t, photos)
		wantErased(t, p, 1, "kim")
		f.put(key)
		f.change(func() {
			f.fault = func(w http.ResponseWriter, _ *http.Request, op string) bool {
				if op == "batch" {
					fail(w, http.StatusNotImplemented, "NotImplemented")
				}
				return op == "batch"
			}
		})
		_, err := p.Erase(t.Context(), task(events.Erase, "kim"))
		wantMisconfigured(t, err, "operation_unsupported")
		f.put("users/max/\x01/../1")
		_, err = p.Erase(t.Context(), task(events.Erase, "max"))
		wantMisconfigured(t, err, "key_unsafe")
		if f.did("delete") > 0 {
			t.Errorf("%s was put into a URL", key)
		}
	}
	f := &fake{}
	f.put("users/kim/") // as some make folders
	wantErased(t, f.connect(t, photos), 1, "kim")
	if f.did("delete") != 1 {
		t.Error("a folder was taken for more")
	}
}

// TestOneKeyIsNotLookedForAmongOthers: what begins with it is not read to the end.
func TestOneKeyIsNotLookedForAmongOthers(t *testing.T) {
	f := &fake{page: 2}
	f.put("avatars/1", "avatars/1", "avatars/1")
	for i := range 100 {
		f.put(fmt.Sprintf("avatars/1%d", i))
	}
	place := photos
	place.Prefix, place.Key = "", "avatars/${user_id}"
	p := f.connect(t, place)
	wantErased(t, p, 3, "1")
	if n := f.did("versions"); n > 12 {
		t.Errorf("%d pages were read", n)
	}
	if len(f.keys()) != 100 {
		t.Errorf("left %d", len(f.keys()))
	}
}

// TestALostAnswerHasOneEffect, by what the store itself counted.
func TestALostAnswerHasOneEffect(t *testing.T) {
	for _, blind := range []bool{false, true} {
		f := &fake{}
		lost := false
		f.fault = func(w http.ResponseWriter, r *http.Request, op string) bool {
			if op == "batch" && !lost {
				lost = true
				f.batch(w, r)
				panic(http.ErrAbortHandler)
			}
			if blind && lost {
				panic(http.ErrAbortHandler)
			}
			return false
		}
		f.put(photo("kim", 1), photo("kim", 2))
		p := f.connect(t, photos)
		res, err := p.Erase(t.Context(), task(events.Erase, "kim"))
		if blind {
			wantTransient(t, err)
			f.change(func() { blind = false })
			again := task(events.Erase, "kim")
			again.MaybeDone = true
			if res, err := p.Erase(t.Context(), again); err != nil || res.Verdict != events.Absent {
				t.Errorf("got %+v, %v; want absent", res, err)
			}
		} else if err != nil || res.Counts.Total() != 2 {
			t.Errorf("got %v, %v", res.Counts, err)
		}
		f.change(func() {
			if f.deletions != 2 {
				t.Errorf("%d deletions had an effect", f.deletions)
			}
		})
		if n := f.did("batch"); n != 1 {
			t.Errorf("%d batches", n)
		}
	}
}

// TestCredentialsThatCannotBeFound are no store's fault, and no absence.
func TestCredentialsThatCannotBeFound(t *testing.T) {
	f := &fake{}
	f.put(photo("kim", 1))
	c := f.config(t, photos)
	c.AccessKeyID, c.SecretAccessKey = "", ""
	var cause error
	c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "i", SecretAccessKey: "s"}, cause
	})
	p := open(t, c)
	cause = errors.New("nobody answers about " + canary)
	_, err := p.Count(t.Context(), task(events.Verify, canary))
	wantTransient(t, err)
	silent(t, err)
	cause = &smithy.GenericAPIError{Code: "AccessDenied", Message: canary}
	_, err = p.Count(t.Context(), task(events.Verify, canary))
	wantMisconfigured(t, err, "credentials")
	silent(t, err)
	cause = nil
	wantErased(t, p, 1, "kim")
}

// TestACertificateOfOnesOwn is trusted where it is given.
func TestACertificateOfOnesOwn(t *testing.T) {
	f := &fake{}
	f.put(photo("kim", 1))
	srv := httptest.NewUnstartedServer(f)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	c := f.config(t, photos)
	c.Endpoint = srv.URL
	_, err := open(t, c).Count(t.Context(), task(events.Verify, "kim"))
	wantMisconfigured(t, err, "tls_certificate")
	c.TLS = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	c.TLS.RootCAs.AddCert(srv.Certificate())
	wantErased(t, open(t, c), 1, "kim")
}

// TestALockThatMayNotBeSeen is no ground to keep anything.
func TestALockThatMayNotBeSeen(t *testing.T) {
	f := &fake{refuse: func(string) string { return "AccessDenied" }}
	f.fault = func(w http.ResponseWriter, _ *http.Request, op string) bool {
		if op == "retention" {
			fail(w, http.StatusForbidden, "AccessDenied")
		}
		return op == "retention"
	}
	f.put(photo("kim", 1))
	_, err := f.connect(t, photos).Erase(t.Context(), task(events.Erase, "kim"))
	wantMisconfigured(t, err, "no_right")
	if !strings.Contains(fmt.Sprint(err), "s3:GetObjectRetention") {
		t.Errorf("does not say what is missing: %v", err)
	}
}

// TestALockThatHasEndedKeepsNothing, by the store's clock; and one without a date has no end.
func TestALockThatHasEndedKeepsNothing(t *testing.T) {
	until := ""
	f := &fake{refuse: func(string) string { return "AccessDenied" }}
	f.fault = func(w http.ResponseWriter, _ *http.Request, op string) bool {
		if op == "retention" {
			w.Header().Set("Date", "Thu, 26 Nov 2026 12:00:00 GMT")
			fmt.Fprintf(w, "<Retention><Mode>GOVERNANCE</Mode>%s</Retention>", until)
		}
		return op == "retention"
	}
	f.put(photo("kim", 1))
	p := f.connect(t, photos)
	for text, keeps := range map[string]bool{"": true, "2026-11-26T12:00:00Z": false, "2020-01-01T00:00:00Z": false, "2026-11-26T12:00:01Z": true} {
		if until = ""; text != "" {
			until = "<RetainUntilDate>" + text + "</RetainUntilDate>"
		}
		_, err := p.Erase(t.Context(), task(events.Erase, "kim"))
		var kept *participants.Retained
		if got := errors.As(err, &kept); got != keeps {
			t.Errorf("until %s: %v", text, err)
			continue
		}
		if !keeps {
			wantMisconfigured(t, err, "no_right")
		} else if kept.Ground != "object lock" || (kept.Until == nil) != (text == "") {
			t.Errorf("until %s: %+v", text, kept)
		}
	}
}

// TestALockIsNoExcuseForTheRest: what was not deleted and is not locked must be tried again.
func TestALockIsNoExcuseForTheRest(t *testing.T) {
	f := &fake{}
	f.refuse = func(key string) string {
		if key == photo("kim", 1) {
			return "AccessDenied"
		}
		return ""
	}
	f.fault = func(w http.ResponseWriter, r *http.Request, op string) bool {
		locked := op == "legal-hold" && strings.HasSuffix(r.URL.Path, "/1.jpg")
		if locked {
			fmt.Fprint(w, "<LegalHold><Status>ON</Status></LegalHold>")
		}
		return locked
	}
	f.lie = true
	f.put(photo("kim", 1), photo("kim", 2))
	p := f.connect(t, photos)
	if res, err := p.Erase(t.Context(), task(events.Erase, "kim")); err != nil || res.Verdict != events.Erased || res.Counts.Total() != 0 {
		t.Errorf("got %+v, %v; want the count to say that something is left", res, err)
	}
	f.lie = false
	if res, err := p.Erase(t.Context(), task(events.Erase, "kim")); !errors.As(err, new(*participants.Retained)) || res.Counts.Total() != 1 {
		t.Errorf("got %+v, %v; want it retained", res, err)
	}
}
