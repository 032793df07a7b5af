package sandbox_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"

	"github.com/expunge-io/expunge/participants/sandbox"
)

const (
	silaUUID    = "dcc7afe8-b8bd-4b59-acd0-59097427485b"
	silaAppKey  = "1111111111111111111111111111111111111111111111111111111111111101"
	silaUserKey = "2222222222222222222222222222222222222222222222222222222222222202"
)

func silaConfig() sandbox.SilaConfig {
	return sandbox.SilaConfig{Now: atNoon, Apps: []sandbox.SilaApp{
		{Handle: "ours", Address: "0x667fF918754239Bc5DfB39EfE943f29c735E7CB4", ClientID: "id", ClientSecret: "secret"},
		{Handle: "theirs", ClientID: "theirs", ClientSecret: "theirs"},
	}}
}

func silaPerson(items ...sandbox.SilaItem) sandbox.SilaEntity {
	return sandbox.SilaEntity{App: "ours", Handle: "mia", Addresses: []string{"0x48D8fb8815F4178B07c2583cf2A2f42de1bF8C4b"}, Data: items}
}

func silaItem(kind string) sandbox.SilaItem {
	return sandbox.SilaItem{Kind: kind, UUID: silaUUID, Value: "v", Added: noon}
}

type silaPeer struct {
	*sandbox.Sila
	t    *testing.T
	url  string
	made int
}

func openSila(t *testing.T, c sandbox.SilaConfig, people ...sandbox.SilaEntity) *silaPeer {
	t.Helper()
	s, err := sandbox.OpenSila(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Put(people...); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return &silaPeer{Sila: s, t: t, url: srv.URL}
}

// body is that of a good request, with a reference of its own.
func (p *silaPeer) body() string {
	p.made++
	return fmt.Sprintf(`{"header":{"created":%d,"app_handle":"ours","user_handle":"mia","reference":"r-%d"},"uuid":"%s"}`, noon.Unix(), p.made, silaUUID)
}

func silaSign(key string, body string) string {
	raw, _ := hex.DecodeString(key)
	h := sha3.NewLegacyKeccak256()
	h.Write([]byte(body))
	b := ecdsa.SignCompact(secp256k1.PrivKeyFromBytes(raw), h.Sum(nil), false)
	return hex.EncodeToString(append(b[1:], b[0]))
}

func (p *silaPeer) signed(path, body string) (int, map[string]any) {
	return p.post(path, body, map[string]string{"authsignature": silaSign(silaAppKey, body), "usersignature": silaSign(silaUserKey, body)})
}

func (p *silaPeer) post(path, body string, headers map[string]string) (int, map[string]any) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), "POST", p.url+"/0.2/"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	var buf bytes.Buffer
	_, _ = buf.ReadFrom(resp.Body)
	var doc map[string]any
	if json.Unmarshal(buf.Bytes(), &doc) != nil {
		p.t.Fatalf("%s: the answer is not JSON", path)
	}
	return resp.StatusCode, doc
}

func (p *silaPeer) want(what string, got, want int) {
	p.t.Helper()
	if got != want {
		p.t.Errorf("%s: status %d, want %d", what, got, want)
	}
}

func TestSilaDeletesEachKindOnceAndSaysSoAgain(t *testing.T) {
	for path, kind := range map[string]string{"email": "emails", "phone": "phones", "address": "addresses", "identity": "identities"} {
		p := openSila(t, silaConfig(), silaPerson(silaItem(kind)))
		status, doc := p.signed("delete/"+path, p.body())
		p.want(path, status, 200)
		if doc["success"] != true || doc["status"] != "SUCCESS" || doc["message"] != "Successfully deleted "+path+" with UUID "+silaUUID+"." || doc["reference"] != "r-1" {
			t.Errorf("%s: answer %v", path, doc)
		}
		again, _ := p.signed("delete/"+path, p.body())
		want := 200
		if path == "address" {
			want = 400
		}
		p.want(path+" again", again, want)
		led := p.Ledger()
		entry := sandbox.Deletion{Service: "sila", Tenant: "ours", Place: "mia", Kind: kind, Key: silaUUID, At: noon, Effects: 1, Attempts: 2}
		if len(led) != 1 || led[0] != entry || len(p.Stored()[0].Data) != 0 {
			t.Errorf("%s: ledger %+v, want %+v", path, led, entry)
		}
	}
}

func TestSilaChecksSignatures(t *testing.T) {
	p := openSila(t, silaConfig(), silaPerson(silaItem("emails")))
	body := p.body()
	app, user := silaSign(silaAppKey, body), silaSign(silaUserKey, body)
	for name, h := range map[string]map[string]string{
		"none":               {},
		"no app":             {"usersignature": user},
		"no user":            {"authsignature": app},
		"swapped":            {"authsignature": user, "usersignature": app},
		"another body":       {"authsignature": silaSign(silaAppKey, body+" "), "usersignature": user},
		"upper case":         {"authsignature": strings.ToUpper(app), "usersignature": user},
		"cut":                {"authsignature": app[:128], "usersignature": user},
		"with 0x":            {"authsignature": "0x" + app, "usersignature": user},
		"v of another world": {"authsignature": app[:128] + "00", "usersignature": user},
	} {
		status, _ := p.post("delete/email", body, h)
		p.want(name, status, 403)
	}
	if len(p.Ledger()) != 0 {
		t.Error("a request without a good signature was an attempt")
	}
	status, _ := p.post("check_handle", body, map[string]string{"authsignature": app})
	p.want("check_handle needs the app alone", status, 200)
}

func TestSilaChecksTheHeader(t *testing.T) {
	p := openSila(t, silaConfig(), silaPerson(silaItem("emails")))
	for name, edit := range map[string][2]string{
		"too old":     {fmt.Sprint(noon.Unix()), fmt.Sprint(noon.Add(-6 * time.Minute).Unix())},
		"the future":  {fmt.Sprint(noon.Unix()), fmt.Sprint(noon.Add(time.Second).Unix())},
		"no user":     {`"user_handle":"mia",`, ""},
		"no uuid":     {silaUUID, ""},
		"no app":      {`"app_handle":"ours",`, ""},
		"not JSON":    {"{", ""},
		"a bad UUID":  {silaUUID, "x"},
		"unknown app": {`"ours"`, `"nobody"`},
	} {
		status, _ := p.signed("delete/email", strings.Replace(p.body(), edit[0], edit[1], 1))
		want := 400
		if name == "unknown app" {
			want = 403
		}
		p.want(name, status, want)
	}
	status, _ := p.signed("delete/email", strings.Replace(p.body(), "app_handle", "auth_handle", 1))
	p.want("the old name of app_handle", status, 200)
}

func TestSilaRefusesAReferenceThatWasUsed(t *testing.T) {
	p := openSila(t, silaConfig(), silaPerson(silaItem("emails"), silaItem("phones")))
	body := p.body()
	first, _ := p.signed("delete/email", body)
	p.want("first", first, 200)
	again, _ := p.signed("delete/phone", body) // the path is not signed
	p.want("the same body on another path", again, 400)
	if len(p.Stored()[0].Data) != 1 {
		t.Error("a signature was good twice")
	}
}

func TestSilaKeepsIdentitiesOfTheVerified(t *testing.T) {
	for state, want := range map[string]int{"": 200, "failed": 200, "pending": 400, "passed": 400} {
		e := silaPerson(silaItem("identities"))
		e.Verification = state
		p := openSila(t, silaConfig(), e)
		status, _ := p.signed("delete/identity", p.body())
		p.want("verification "+state, status, want)
		_, kyc := p.signed("check_kyc", p.body())
		if got := kyc["verification_status"]; got != state && (state != "" || got != "unverified") {
			t.Errorf("check_kyc says %v of %q", got, state)
		}
	}
}

func TestSilaHandsOutTokensThatEnd(t *testing.T) {
	now := noon
	c := silaConfig()
	c.Now = func() time.Time { return now }
	theirs := silaPerson()
	theirs.App, theirs.Handle = "theirs", "ben"
	p := openSila(t, c, silaPerson(silaItem("emails")), theirs)
	body := func() string {
		return strings.Replace(p.body(), fmt.Sprint(noon.Unix()), fmt.Sprint(now.Unix()), 1)
	}
	token := func(user, password string) (int, string) {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(user, password)
		status, doc := p.post("auth_token", body(), map[string]string{"Authorization": r.Header.Get("Authorization")})
		got, _ := doc["access_token"].(map[string]any)
		text, _ := got["token"].(string)
		return status, text
	}
	status, _ := token("id", "guess")
	p.want("wrong secret", status, 401)
	_, first := token("id", "secret")
	use := func(token, body string) int {
		status, _ := p.post("get_entity", body, map[string]string{"Authorization": "Bearer " + token})
		return status
	}
	p.want("a good token", use(first, body()), 200)
	p.want("no such token", use("x", body()), 401)
	p.want("another app's name", use(first, strings.Replace(body(), `"ours"`, `"theirs"`, 1)), 403)
	p.want("another app's user", use(first, strings.Replace(body(), "mia", "ben", 1)), 403)
	p.want("nobody", use(first, strings.Replace(body(), "mia", "nobody", 1)), 404)
	now = noon.Add(7*time.Hour + 29*time.Minute)
	if _, same := token("id", "secret"); same != first {
		t.Error("a token was replaced while it was good for half an hour")
	}
	now = noon.Add(7*time.Hour + 31*time.Minute)
	if _, next := token("id", "secret"); next == first || use(first, body()) != 200 || use(next, body()) != 200 {
		t.Error("near its end a token is replaced, and is still good")
	}
	now = noon.Add(8 * time.Hour)
	p.want("a token that ended", use(first, body()), 401)
}

func TestSilaFaults(t *testing.T) {
	p := openSila(t, silaConfig(), silaPerson(silaItem("emails")))
	p.SetFaults(sandbox.Fault{Action: "delete", Times: 1, Status: 429, RetryAfter: 7 * time.Second}, sandbox.Fault{Action: "delete", Times: 1, Lie: true}, sandbox.Fault{Action: "delete", Times: 1, Reset: true})
	for i, want := range []int{429, 200, 0, 200} {
		status, _ := p.signed("delete/email", p.body())
		p.want(fmt.Sprint("deletion ", i), status, want)
	}
	if d := p.Ledger()[0]; d.Effects != 1 || d.Attempts != 3 {
		t.Errorf("ledger %+v, want one effect of three attempts", d)
	}
}

func TestSilasStateOutlivesTheProcess(t *testing.T) {
	c := silaConfig()
	c.Journal = filepath.Join(t.TempDir(), "sila.journal")
	p := openSila(t, c, silaPerson(silaItem("emails"), silaItem("phones")))
	body := p.body()
	p.signed("delete/email", body)
	again := openSila(t, c) // the first one was never closed
	if e := again.Stored(); len(e) != 1 || len(e[0].Data) != 1 || len(again.Ledger()) != 1 || again.Ledger()[0] != p.Ledger()[0] {
		t.Errorf("stored %+v, ledger %+v after reopening", e, again.Ledger())
	}
	status, _ := again.signed("delete/phone", body)
	again.want("a reference that was used before the restart", status, 400)
}

func TestSilaConfigFaultsAreReportedAtOnce(t *testing.T) {
	_, err := sandbox.OpenSila(sandbox.SilaConfig{Apps: []sandbox.SilaApp{{Handle: "a", ClientID: "c"}}})
	if err == nil || !strings.Contains(err.Error(), "now") || !strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v, want one that names the clock and the credentials", err)
	}
}
