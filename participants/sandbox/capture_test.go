package sandbox_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/participants/sandbox"
)

const (
	captureUUID1 = "0d2f6a1e-5b1c-4d0e-9a63-000000000001"
	captureUUID2 = "0d2f6a1e-5b1c-4d0e-9a63-000000000002"
	captureForm  = "type_name=user&uuid=" + captureUUID1
)

func captureConfig() sandbox.CaptureConfig {
	return sandbox.CaptureConfig{
		Now: atNoon, Types: []string{"user", "staff"},
		Clients: []sandbox.CaptureClient{
			{App: "ours", ID: "owner", Secret: "secret", Feature: "owner"},
			{App: "ours", ID: "direct", Secret: "secret", Feature: "direct_access"},
			{App: "ours", ID: "reader", Secret: "secret", Feature: "direct_read_access"},
			{App: "ours", ID: "login", Secret: "secret", Feature: "login_client"},
			{App: "theirs", ID: "theirs", Secret: "secret", Feature: "owner"},
		},
	}
}

func captureProfile(uuid string) sandbox.CaptureProfile {
	return sandbox.CaptureProfile{App: "ours", Type: "user", UUID: uuid, Token: "token-" + uuid, Attributes: map[string]string{"customerId": "c-" + uuid}}
}

func openCapture(t *testing.T, c sandbox.CaptureConfig, profiles ...sandbox.CaptureProfile) (*sandbox.Capture, string) {
	t.Helper()
	s, err := sandbox.OpenCapture(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Put(profiles...); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, srv.URL
}

// captureSaid is an answer of the vendor.
type captureSaid struct {
	Stat    string `json:"stat"`
	Code    int    `json:"code"`
	Request string `json:"request_id"`
}

// postCapture sends a form as a client, id:secret, or as nobody.
func postCapture(t *testing.T, target, client, form string) (said captureSaid) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id, secret, named := strings.Cut(client, ":"); named {
		r.SetBasicAuth(id, secret)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	wantStatus(t, resp, http.StatusOK)
	if resp.Header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be stored")
	}
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil {
		t.Fatal(err)
	}
	return said
}

func TestCaptureChecksWhatTheVendorChecks(t *testing.T) {
	expired, theirs := captureProfile(captureUUID2), captureProfile(captureUUID2)
	expired.Expired = true
	theirs.App, theirs.Token = "theirs", "theirs"
	_, root := openCapture(t, captureConfig(), captureProfile(captureUUID1), expired, theirs)
	const unknown = "type_name=user&uuid=0d2f6a1e-5b1c-4d0e-9a63-000000000009"
	key := "type_name=user&key_attribute=customerId&key_value=" + url.QueryEscape(`"c-`+captureUUID1+`"`)
	for name, c := range map[string]struct {
		operation, client, form string
		code                    int
	}{
		"a lookup":                  {"entity", "reader:secret", captureForm, 0},
		"credentials in the form":   {"entity", "", captureForm + "&client_id=owner&client_secret=secret", 0},
		"a lookup by key":           {"entity", "reader:secret", key, 0},
		"a lookup by token":         {"entity", "", "type_name=user&attribute_name=uuid&access_token=token-" + captureUUID1, 0},
		"no credentials":            {"entity", "", captureForm, 100},
		"a wrong secret":            {"entity", "owner:guess", captureForm, 402},
		"a wrong secret in a form":  {"entity", "", captureForm + "&client_id=owner&client_secret=guess", 402},
		"a client for signing in":   {"entity", "login:secret", captureForm, 403},
		"a reader deletes":          {"entity.delete", "reader:secret", captureForm, 403},
		"a token does not delete":   {"entity.delete", "", "type_name=user&access_token=token-" + captureUUID1, 100},
		"no type":                   {"entity", "owner:secret", "uuid=" + captureUUID1, 100},
		"an unknown type":           {"entity", "owner:secret", "type_name=users&uuid=" + captureUUID1, 222},
		"another type":              {"entity", "owner:secret", "type_name=staff&uuid=" + captureUUID1, 310},
		"another application":       {"entity", "theirs:secret", captureForm, 310},
		"no uuid":                   {"entity", "owner:secret", "type_name=user", 100},
		"a uuid that is none":       {"entity", "owner:secret", "type_name=user&uuid=" + captureUUID1[1:], 200},
		"a key and a uuid":          {"entity", "owner:secret", key + "&uuid=" + captureUUID1, 201},
		"a key without quotes":      {"entity", "owner:secret", "type_name=user&key_attribute=customerId&key_value=c", 200},
		"a key attribute misspelt":  {"entity", "owner:secret", "type_name=user&key_attribute=id&key_value=%22c%22", 223},
		"an attribute misspelt":     {"entity", "owner:secret", captureForm + "&attribute_name=x", 223},
		"an unknown record":         {"entity", "owner:secret", unknown, 310},
		"an unknown token":          {"entity", "", "type_name=user&access_token=x", 413},
		"an expired token":          {"entity", "", "type_name=user&access_token=token-" + captureUUID2, 414},
		"deleting an unknown one":   {"entity.delete", "owner:secret", unknown, 310},
		"deleting another's record": {"entity.delete", "theirs:secret", captureForm, 310},
	} {
		got := postCapture(t, root+"/"+c.operation, c.client, c.form)
		if got.Code != c.code || (got.Stat == "ok") != (c.code == 0) || c.code != 0 && len(got.Request) != 16 {
			t.Errorf("%s: %+v, want code %d", name, got, c.code)
		}
	}
	for _, target := range []string{"/", "/entity.purge", "/entity.delete/x"} {
		wantStatus(t, ask(t, "POST", root+target, nil), 404)
	}
	wantStatus(t, ask(t, "GET", root+"/entity.delete?"+captureForm, nil), 404)
}

func TestCaptureDeletesOnce(t *testing.T) {
	c := captureConfig()
	c.Journal = filepath.Join(t.TempDir(), "capture.journal")
	s, root := openCapture(t, c, captureProfile(captureUUID1), captureProfile(captureUUID2))
	for i, code := range []int{0, 310} {
		if got := postCapture(t, root+"/entity.delete", "direct:secret", captureForm); got.Code != code {
			t.Errorf("deletion %d: %+v, want code %d", i+1, got, code)
		}
		if got := postCapture(t, root+"/entity", "direct:secret", captureForm); got.Code != 310 {
			t.Errorf("lookup after it: %+v, want code 310", got)
		}
	}
	if got := postCapture(t, root+"/entity", "", "type_name=user&access_token=token-"+captureUUID1); got.Code != 413 {
		t.Errorf("its token: %+v, want code 413", got)
	}
	want := sandbox.Deletion{Service: "capture", Tenant: "ours", Place: "user", Kind: "identities", Key: captureUUID1, At: noon, Effects: 1, Attempts: 2}
	if led := s.Ledger(); len(led) != 1 || led[0] != want {
		t.Errorf("ledger %+v, want %+v", led, want)
	}
	again, err := sandbox.OpenCapture(c) // the first one was never closed
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if left := again.Stored(); len(left) != 1 || left[0].UUID != captureUUID2 || again.Ledger()[0] != want {
		t.Errorf("stored %+v, ledger %+v after reopening", left, again.Ledger())
	}
}

func TestCaptureFaults(t *testing.T) {
	s, root := openCapture(t, captureConfig(), captureProfile(captureUUID1))
	s.SetFaults(sandbox.Fault{Action: "entity.delete", Times: 1, Code: 510}, sandbox.Fault{Action: "entity.delete", Times: 1, Lie: true})
	if got := postCapture(t, root+"/entity.delete", "owner:secret", captureForm); got.Code != 510 {
		t.Errorf("%+v, want code 510", got)
	}
	if got := postCapture(t, root+"/entity.delete", "owner:secret", captureForm); got.Stat != "ok" || len(s.Stored()) != 1 {
		t.Errorf("%+v, want a lie", got)
	}
	s.SetFaults(sandbox.Fault{Reset: true})
	for _, operation := range []string{"entity", "entity.delete"} {
		form := strings.NewReader(captureForm + "&client_id=owner&client_secret=secret")
		if resp, err := http.Post(root+"/"+operation, "application/x-www-form-urlencoded", form); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s: the connection was not cut", operation)
		}
	}
	if d := s.Ledger()[0]; len(s.Stored()) != 0 || d.Effects != 1 || d.Attempts != 2 {
		t.Errorf("ledger %+v, want the effect before the cut", d)
	}
}

func TestCaptureConfigFaultsAreReportedAtOnce(t *testing.T) {
	_, err := sandbox.OpenCapture(sandbox.CaptureConfig{Clients: []sandbox.CaptureClient{{App: "ours"}}})
	for _, want := range []string{"types", "now", "secret"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
