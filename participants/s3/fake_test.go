package s3_test

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/expunge-io/expunge/participants/s3"
)

// fake is a bucket for what a real server does not do when it is asked to: faults, and key names that
// no file has. How the protocol is meant is tested with versitygw.
type fake struct {
	mu       sync.Mutex
	versions []fakeVersion
	uploads  []fakeVersion
	plain    bool // keys in listings are not encoded, although that was asked for
	page     int  // entries of a page; 0: 1000

	// fault may answer a request itself, instead of or after the effect.
	fault func(w http.ResponseWriter, r *http.Request, op string) (answered bool)
	// refuse is the code with which an item of a batch, or alone, is refused; empty: none.
	refuse func(key string) string
	// lie makes deletions that are answered and not done.
	lie bool

	deletions int // that had an effect
	ops       []string
}

type fakeVersion struct {
	Key     string
	Version string `xml:"VersionId"`
	Upload  string `xml:"UploadId"`
	marker  bool
}

func (f *fake) serve(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	return srv.URL
}

func (f *fake) config(t *testing.T, places ...s3.Place) s3.Config {
	t.Helper()
	for i := range places {
		places[i].Kind, places[i].Bucket = "objects", "bucket"
	}
	return s3.Config{Endpoint: f.serve(t), PathStyle: true, AccessKeyID: "i", SecretAccessKey: "s", Places: places}
}

func (f *fake) connect(t *testing.T, places ...s3.Place) *s3.Participant {
	t.Helper()
	return open(t, f.config(t, places...))
}

func (f *fake) put(keys ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range keys {
		f.versions = append(f.versions, fakeVersion{Key: key, Version: "v" + strconv.Itoa(len(f.versions))})
	}
	byKey := func(a, b fakeVersion) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Version, b.Version))
	}
	slices.SortFunc(f.versions, byKey)
}

func (f *fake) keys() (keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range slices.Concat(f.versions, f.uploads) {
		keys = append(keys, v.Key)
	}
	return keys
}

// change is for what a handler may still look at.
func (f *fake) change(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
}

// did is how often an operation was asked for.
func (f *fake) did(op string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.ops {
		if o == op {
			n++
		}
	}
	return n
}

func operation(r *http.Request) string {
	q := r.URL.Query()
	for _, name := range []string{"versions", "uploads", "retention", "legal-hold"} {
		if q.Has(name) {
			return name
		}
	}
	switch {
	case q.Has("delete"):
		return "batch"
	case q.Has("uploadId"):
		return "abort"
	}
	return "delete"
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	op := operation(r)
	f.ops = append(f.ops, op)
	if f.fault != nil && f.fault(w, r, op) {
		return
	}
	q := r.URL.Query()
	key := strings.TrimPrefix(r.URL.Path, "/bucket/")
	switch op {
	case "versions":
		f.list(w, q, f.versions)
	case "uploads":
		f.list(w, q, f.uploads)
	case "batch":
		f.batch(w, r)
	case "abort":
		f.uploads = slices.DeleteFunc(f.uploads, func(u fakeVersion) bool { return u.Upload == q.Get("uploadId") })
		w.WriteHeader(http.StatusNoContent)
	case "delete":
		if code := f.remove(key, q.Get("versionId")); code != "" {
			fail(w, http.StatusForbidden, code)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		fail(w, http.StatusNotFound, "NoSuchObjectLockConfiguration")
	}
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>it is about %s</Message></Error>", code, canary)
}

func (f *fake) remove(key, version string) (code string) {
	if f.refuse != nil {
		if code := f.refuse(key); code != "" {
			return code
		}
	}
	if f.lie {
		return ""
	}
	before := len(f.versions)
	f.versions = slices.DeleteFunc(f.versions, func(v fakeVersion) bool { return v.Key == key && v.Version == version })
	f.deletions += before - len(f.versions)
	return ""
}

func (f *fake) batch(w http.ResponseWriter, r *http.Request) {
	var in struct{ Object []fakeVersion }
	body, _ := io.ReadAll(r.Body)
	if err := xml.Unmarshal(body, &in); err != nil || len(in.Object) > 1000 {
		fail(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	fmt.Fprint(w, "<DeleteResult>")
	for _, v := range in.Object {
		if code := f.remove(v.Key, v.Version); code != "" {
			fmt.Fprintf(w, "<Error><Key>%s</Key><VersionId>%s</VersionId><Code>%s</Code><Message>%s</Message></Error>", text(v.Key), v.Version, code, canary)
		}
	}
	fmt.Fprint(w, "</DeleteResult>")
}

func (f *fake) list(w http.ResponseWriter, q url.Values, all []fakeVersion) {
	encode := url.QueryEscape
	if f.plain || q.Get("encoding-type") != "url" {
		encode = text
	}
	size := cmp.Or(f.page, 1000)
	id := func(v fakeVersion) string { return v.Version + v.Upload }
	after := func(v fakeVersion) bool {
		key, version := q.Get("key-marker"), q.Get("version-id-marker")+q.Get("upload-id-marker")
		return v.Key > key || v.Key == key && version != "" && id(v) > version
	}
	var shown []fakeVersion
	for _, v := range all {
		if strings.HasPrefix(v.Key, q.Get("prefix")) && after(v) {
			shown = append(shown, v)
		}
	}
	more := len(shown) > size
	shown = shown[:min(size, len(shown))]
	fmt.Fprintf(w, "<Listing><Name>bucket</Name><Bucket>bucket</Bucket><Prefix>%s</Prefix><IsTruncated>%v</IsTruncated>", encode(q.Get("prefix")), more)
	if !f.plain {
		fmt.Fprint(w, "<EncodingType>url</EncodingType>")
	}
	if more {
		last := shown[len(shown)-1]
		fmt.Fprintf(w, "<NextKeyMarker>%s</NextKeyMarker><NextVersionIdMarker>%s</NextVersionIdMarker><NextUploadIdMarker>%[2]s</NextUploadIdMarker>", encode(last.Key), id(last))
	}
	for _, v := range shown {
		element := "Version"
		switch {
		case v.marker:
			element = "DeleteMarker"
		case v.Upload != "":
			element = "Upload"
		}
		fmt.Fprintf(w, "<%s><Key>%s</Key><VersionId>%s</VersionId><UploadId>%s</UploadId></%[1]s>", element, encode(v.Key), v.Version, v.Upload)
	}
	fmt.Fprint(w, "</Listing>")
}

func text(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
