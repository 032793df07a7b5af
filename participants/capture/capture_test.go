package capture_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/capture"
	"github.com/expunge-io/expunge/participants/sandbox"
)

// vendor is a sandbox and a participant that knows it.
type vendor struct {
	*sandbox.Capture
	root string
	p    *capture.Participant
}

// uuid is the uuid of the profile number n.
func uuid(n int) string { return fmt.Sprintf("0d2f6a1e-0000-4000-8000-%012d", n) }

func id(n int) string { return "capture_uuid=" + uuid(n) }

func profile(n int) sandbox.CaptureProfile {
	return sandbox.CaptureProfile{
		App: "ours", Type: "user", UUID: uuid(n), Token: fmt.Sprintf("token-%d", n),
		Attributes: map[string]string{"customerId": fmt.Sprintf("c-%d", n)},
	}
}

func startVendor(t *testing.T, profiles ...sandbox.CaptureProfile) vendor {
	t.Helper()
	s, err := sandbox.OpenCapture(sandbox.CaptureConfig{
		Now: time.Now, Types: []string{"user", "staff"},
		Clients: []sandbox.CaptureClient{
			{App: "ours", ID: "client", Secret: "s3cret", Feature: "direct_access"},
			{App: "ours", ID: "reader", Secret: "s3cret", Feature: "direct_read_access"},
			{App: "ours", ID: "login", Secret: "s3cret", Feature: "login_client"},
			{App: "theirs", ID: "theirs", Secret: "s3cret", Feature: "owner"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(profiles...); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return vendor{s, srv.URL, connect(t, config(srv.URL))}
}

func config(root string) capture.Config {
	return capture.Config{URL: root, ClientID: "client", ClientSecret: "s3cret"}
}

// byAll finds profiles in every way.
func byAll(root string) capture.Config {
	c := config(root)
	c.By = []capture.By{capture.ByUUID, capture.ByKey, capture.ByAccessToken}
	c.KeyAttribute, c.YieldUUID = "customerId", true
	return c
}

func connect(t *testing.T, c capture.Config) *capture.Participant {
	t.Helper()
	p, err := capture.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// task brings identifiers as type=value.
func task(verb events.Verb, ids ...string) participants.Task {
	t := participants.Task{Saga: "saga", Verb: verb, Round: 1, Attempt: 1, Realm: "main"}
	for _, id := range ids {
		typ, value, _ := strings.Cut(id, "=")
		t.Identifiers = append(t.Identifiers, events.Identifier{Type: events.IdentifierType(typ), Value: events.Private(value)})
	}
	return t
}

func wantMisconfigured(t *testing.T, err error, code string) {
	t.Helper()
	var fault *participants.Misconfigured
	if !errors.As(err, &fault) || fault.Code != code {
		t.Fatalf("error %v, want misconfigured: %s", err, code)
	}
}

func wantRetry(t *testing.T, err error, after time.Duration) {
	t.Helper()
	var retry *participants.RetryAfter
	if !errors.As(err, &retry) || retry.Code != "rate_limited" || retry.After != after {
		t.Fatalf("error %v, want retry after %s: rate_limited", err, after)
	}
}

// wantAgain wants an error that is no verb: it is tried again.
func wantAgain(t *testing.T, err error) {
	t.Helper()
	var retry *participants.RetryAfter
	var fault *participants.Misconfigured
	if err == nil || errors.As(err, &retry) || errors.As(err, &fault) {
		t.Fatalf("error %v, want an ordinary one", err)
	}
}

func wantCount(t *testing.T, p *capture.Participant, task participants.Task, want int64) {
	t.Helper()
	got, err := p.Count(t.Context(), task)
	if n, counted := got["identities"]; err != nil || !counted || n != want {
		t.Fatalf("counts %v, error %v; want %d identities", got, err, want)
	}
}

func wantErased(t *testing.T, p *capture.Participant, task participants.Task, verdict events.Verdict, want int64) {
	t.Helper()
	res, err := p.Erase(t.Context(), task)
	if err != nil || res.Verdict != verdict || res.Counts["identities"] != want {
		t.Fatalf("result %+v, error %v; want %s of %d identities", res, err, verdict, want)
	}
}

// left names the profiles that the look-alike holds, by number.
func (v vendor) left() string {
	var names []string
	for _, c := range v.Stored() {
		names = append(names, c.App+"/"+c.Type+"/"+strings.TrimLeft(c.UUID[24:], "0"))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// works are the calls of the SDK, for tests that are about all of them.
func works(p *capture.Participant) map[string]func(context.Context, participants.Task) error {
	return map[string]func(context.Context, participants.Task) error{
		"erase":   func(ctx context.Context, t participants.Task) error { _, err := p.Erase(ctx, t); return err },
		"count":   func(ctx context.Context, t participants.Task) error { _, err := p.Count(ctx, t); return err },
		"resolve": func(ctx context.Context, t participants.Task) error { _, err := p.Resolve(ctx, t); return err },
	}
}

func TestErasesAProfileAndNobodyElse(t *testing.T) {
	theirs, staff := profile(1), profile(1)
	theirs.App, staff.Type = "theirs", "staff"
	for _, auth := range []capture.Auth{capture.Basic, capture.Form} {
		v := startVendor(t, profile(1), profile(2), profile(11), theirs, staff)
		c := config(v.root)
		c.Auth = auth
		p := connect(t, c)
		ids := []string{id(1), "capture_uuid=" + strings.ToUpper(uuid(1)), id(2), id(9)}
		wantCount(t, p, task(events.Resolve, ids...), 2)
		wantErased(t, p, task(events.Erase, ids...), events.Erased, 2)
		wantCount(t, p, task(events.Verify, ids...), 0)
		wantErased(t, p, task(events.Erase, ids...), events.Absent, 0)
		if got := v.left(); got != "ours/staff/1 ours/user/11 theirs/user/1" {
			t.Errorf("%s: left: %s", auth, got)
		}
		for _, d := range v.Ledger() {
			if d.Effects != 1 || d.Attempts != 1 {
				t.Errorf("%s: ledger %+v, want one effect at the first attempt", auth, d)
			}
		}
	}
}

func TestNoIdentifiersMeansAbsent(t *testing.T) {
	v := startVendor(t, profile(1))
	wantErased(t, v.p, task(events.Erase, "user_id=c-1"), events.Absent, 0)
}

func TestAKeyIsComparedByteByByte(t *testing.T) {
	v := startVendor(t, profile(1), profile(2))
	p := connect(t, byAll(v.root))
	for _, work := range works(p) {
		wantMisconfigured(t, work(t.Context(), task(events.Erase, "user_id=C-1")), "key_differs")
	}
	wantCount(t, p, task(events.Resolve, "user_id=c-9"), 0)
	wantCount(t, p, task(events.Resolve, "user_id=c-1", id(1)), 1)
	wantErased(t, p, task(events.Erase, "user_id=c-1", id(1)), events.Erased, 1)
	if got := v.left(); got != "ours/user/2" {
		t.Errorf("left: %s", got)
	}
	c := byAll(v.root)
	c.KeyAttribute = "misspelt"
	_, err := connect(t, c).Count(t.Context(), task(events.Verify, "user_id=c-1"))
	wantMisconfigured(t, err, "argument")
}

func TestResolveYieldsUUIDsWhereThatIsConfigured(t *testing.T) {
	v := startVendor(t, profile(1), profile(2))
	p := connect(t, byAll(v.root))
	found, err := p.Resolve(t.Context(), task(events.Resolve, "user_id=c-1", "capture_access_token=token-2"))
	if want := task("", id(1), id(2)).Identifiers; err != nil || !reflect.DeepEqual(found, want) {
		t.Errorf("%d identifiers, error %v; want the two uuids", len(found), err)
	}
	if found, err := v.p.Resolve(t.Context(), task(events.Resolve, id(1))); err != nil || found != nil || v.p.Yields() != nil {
		t.Errorf("%d identifiers, error %v from one that yields nothing", len(found), err)
	}
}

// The token finds the uuid while it is good. Later it shows nothing, and that is no absence.
func TestAnAccessTokenIsGoodForFindingTheUUID(t *testing.T) {
	v := startVendor(t, profile(1))
	p := connect(t, byAll(v.root))
	const token = "capture_access_token=token-1"
	wantCount(t, p, task(events.Resolve, token), 1)

	expired := profile(1)
	expired.Expired = true
	if err := v.Put(expired); err != nil {
		t.Fatal(err)
	}
	for _, tokens := range [][]string{{token}, {"capture_access_token=guess"}, {"capture_access_token="}, {token, id(2)}} {
		for _, work := range works(p) {
			wantMisconfigured(t, work(t.Context(), task(events.Erase, tokens...)), "access_token")
		}
	}
	erase := task(events.Erase, token, id(1))
	erase.Baseline = events.Counts{"identities": 2}
	_, err := p.Erase(t.Context(), erase)
	wantMisconfigured(t, err, "access_token") // one of two is not known by uuid

	erase.Baseline = events.Counts{"identities": 1}
	wantErased(t, p, erase, events.Erased, 1)
	wantErased(t, p, erase, events.Absent, 0)
	wantCount(t, p, erase, 0)
}

func TestNeeds(t *testing.T) {
	want := []events.IdentifierType{capture.UUID, events.UserID, capture.AccessToken}
	if got := connect(t, byAll("http://127.0.0.1")).Needs(); !slices.Equal(got, want) {
		t.Errorf("needs %v, want %v", got, want)
	}
	if got := connect(t, config("http://127.0.0.1")).Needs(); !slices.Equal(got, want[:1]) {
		t.Errorf("needs %v, want %v", got, want[:1])
	}
}

func TestBlindnessIsNeverAbsence(t *testing.T) {
	v := startVendor(t, profile(1))
	cases := map[string]struct {
		spoil func(*capture.Config)
		code  string
	}{
		"unknown client":          {func(c *capture.Config) { c.ClientID = "nobody" }, "credentials"},
		"wrong secret":            {func(c *capture.Config) { c.ClientSecret = "guess" }, "credentials"},
		"client that cannot look": {func(c *capture.Config) { c.ClientID = "login" }, "permission"},
		"unknown type":            {func(c *capture.Config) { c.TypeName = "users" }, "argument"},
		"another realm":           {func(c *capture.Config) { c.Realm = "other" }, "wrong_realm"},
		"a wrong path":            {func(c *capture.Config) { c.URL += "/elsewhere" }, "unexpected_status"},
	}
	for name, c := range cases {
		for _, auth := range []capture.Auth{capture.Basic, capture.Form} {
			t.Run(name+", "+string(auth), func(t *testing.T) {
				spoiled := config(v.root)
				spoiled.Auth, spoiled.YieldUUID = auth, true
				c.spoil(&spoiled)
				p := connect(t, spoiled)
				for _, n := range []int{1, 9} { // who is there, and who is not
					for _, work := range works(p) {
						wantMisconfigured(t, work(t.Context(), task(events.Verify, id(n))), c.code)
					}
				}
				if c.code != "wrong_realm" { // a realm is the task's
					wantMisconfigured(t, p.Check(t.Context()), c.code)
				}
			})
		}
	}
	if err := v.p.Check(t.Context()); err != nil {
		t.Errorf("check of a good configuration: %v", err)
	}
}

func TestAClientThatMayNotDeleteIsMisconfigured(t *testing.T) {
	v := startVendor(t, profile(1))
	c := config(v.root)
	c.ClientID = "reader"
	_, err := connect(t, c).Erase(t.Context(), task(events.Erase, id(1)))
	wantMisconfigured(t, err, "permission")
	if v.left() != "ours/user/1" || len(v.Ledger()) != 0 {
		t.Error("a refused deletion had an effect")
	}
}

func TestOkWithoutDeletionIsCountedAsLeft(t *testing.T) {
	v := startVendor(t, profile(1))
	v.SetFaults(sandbox.Fault{Action: "entity.delete", Lie: true})
	wantErased(t, v.p, task(events.Erase, id(1)), events.Erased, 0)
	wantCount(t, v.p, task(events.Verify, id(1)), 1)
}

// TestASuccessIsOneByStatusAndByBody: an error with status 200 is none, and neither is ok
// with any other.
func TestASuccessIsOneByStatusAndByBody(t *testing.T) {
	for body, status := range map[string]int{
		`{"stat":"ok"}`: 200, `{"stat":"ok","result":null}`: 200, `{"stat":"ok","result":{}}`: 200, `{"stat":"ok","result":""}`: 200,
		`{"stat":"ok","result":"` + uuid(2) + `"}`: 200, `{"result":"` + uuid(1) + `"}`: 200, `{"stat":"OK","result":"` + uuid(1) + `"}`: 200,
		`{"stat":"error"}`: 200, `{"stat":"error","reason":"Missing required parameter 'access_token'"}`: 200,
		`{"stat":"error","code":"310"}`: 200, `{"code":310}`: 200, `{"stat":"error","code":10}`: 200, `{"stat":"error","code":310}`: 503,
		`<html>`: 200, ``: 200, `[]`: 200, `null`: 200,
	} {
		_, err := connect(t, config(answering(t, status, body))).Count(t.Context(), task(events.Verify, id(1)))
		if err == nil {
			t.Fatalf("%d %s: no error", status, body)
		}
		wantAgain(t, err)
	}
	for body, status := range map[string]int{
		`{"stat":"ok","result":"` + uuid(1) + `"}`: 201, `{"stat":"error","code":310}`: 404, `{"stat":"ok"}`: 302,
	} {
		_, err := connect(t, config(answering(t, status, body))).Count(t.Context(), task(events.Verify, id(1)))
		wantMisconfigured(t, err, "unexpected_status")
	}
}

// answering returns the URL of a server that always says the same.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestCodesAreVerbs(t *testing.T) {
	v := startVendor(t, profile(1))
	for _, operation := range []string{"entity", "entity.delete"} {
		refused := func(f sandbox.Fault) error {
			f.Action = operation
			v.SetFaults(f)
			_, err := v.p.Erase(t.Context(), task(events.Erase, id(1)))
			return err
		}
		for want, codes := range map[string][]int{
			"argument":     {100, 200, 201, 205, 221, 222, 223, 299},
			"record":       {300, 320, 330, 340, 361, 399},
			"permission":   {403},
			"credentials":  {400, 402, 415, 420, 499},
			"access_token": {413, 414},
		} {
			for _, code := range codes {
				wantMisconfigured(t, refused(sandbox.Fault{Code: code}), want)
			}
		}
		for _, status := range []int{401, 403} {
			wantMisconfigured(t, refused(sandbox.Fault{Status: status}), "credentials")
		}
		for _, status := range []int{302, 400, 404, 418} {
			wantMisconfigured(t, refused(sandbox.Fault{Status: status}), "unexpected_status")
		}
		for _, code := range []int{480, 500, 501, 540, 999} {
			wantAgain(t, refused(sandbox.Fault{Code: code}))
		}
		for _, status := range []int{408, 500, 503} {
			wantAgain(t, refused(sandbox.Fault{Status: status}))
		}
		wantRetry(t, refused(sandbox.Fault{Code: 510}), 30*time.Second)
		wantRetry(t, refused(sandbox.Fault{Status: 429}), 30*time.Second)
		wantRetry(t, refused(sandbox.Fault{Status: 429, RetryAfter: 7 * time.Second}), 7*time.Second)
		wantRetry(t, refused(sandbox.Fault{Status: 429, RetryAfter: 9999 * time.Second}), time.Hour)
	}
	if len(v.Ledger()) != 0 || v.left() != "ours/user/1" {
		t.Error("a refused deletion had an effect")
	}
	v.SetFaults(sandbox.Fault{Action: "entity.delete", Code: 310}) // and the profile is there
	res, err := v.p.Erase(t.Context(), task(events.Erase, id(1)))
	if wantAgain(t, err); res.Counts.Total() != 0 {
		t.Errorf("result %+v, want nothing erased", res)
	}
}

func TestAnArgumentThatIsAnIdentifierIsNamedByItsCode(t *testing.T) {
	for _, argument := range []string{"uuid", "key_value"} {
		srv := answering(t, 200, `{"stat":"error","code":200,"error":"invalid_argument","argument_name":"`+argument+`"}`)
		_, err := connect(t, config(srv)).Count(t.Context(), task(events.Verify, id(1)))
		wantMisconfigured(t, err, "identifier")
	}
}

func TestALostAnswerIsSettledByLookingAgain(t *testing.T) {
	v := startVendor(t, profile(1))
	v.SetFaults(sandbox.Fault{Action: "entity.delete", Times: 1, Reset: true})
	wantErased(t, v.p, task(events.Erase, id(1)), events.Erased, 1)
}

func TestAfterACrashBetweenEffectAndAnswerTheNextAttemptFindsNothing(t *testing.T) {
	v := startVendor(t, profile(1))
	v.SetFaults(sandbox.Fault{Action: "entity.delete", Times: 1, Reset: true}, sandbox.Fault{Action: "entity", Skip: 1, Times: 1, Reset: true})
	_, err := v.p.Erase(t.Context(), task(events.Erase, id(1)))
	wantAgain(t, err)
	second := task(events.Erase, id(1))
	second.MaybeDone = true
	wantErased(t, v.p, second, events.Absent, 0)
	if d := v.Ledger()[0]; d.Effects != 1 || d.Attempts != 1 {
		t.Errorf("ledger %+v, want one effect", d)
	}
}

func TestOddIdentifiersTouchNothing(t *testing.T) {
	v := startVendor(t, profile(1), profile(2))
	p := connect(t, byAll(v.root))
	for _, value := range []string{"", " ", "user", uuid(1) + " ", uuid(1)[:35], uuid(1) + "0", "{" + uuid(1) + "}", uuid(1) + "&attribute_name=profiles", "*"} {
		for _, work := range works(p) {
			wantMisconfigured(t, work(t.Context(), task(events.Erase, "capture_uuid="+value)), "uuid_form")
		}
	}
	for _, value := range []string{" ", "c-1 ", `c-1" or "1"="1`, "c-1'", "\xff", "c-\u00e9", "%", "null", "c-1&uuid=" + uuid(2)} {
		wantErased(t, p, task(events.Erase, "user_id="+value), events.Absent, 0)
	}
	_, err := p.Count(t.Context(), task(events.Erase, "user_id="))
	wantMisconfigured(t, err, "empty_key")
	if got := v.left(); got != "ours/user/1 ours/user/2" {
		t.Errorf("left: %s", got)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer away.Close()
	srv := httptest.NewServer(http.RedirectHandler(away.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	_, err := connect(t, config(srv.URL)).Count(t.Context(), task(events.Resolve, id(1)))
	wantMisconfigured(t, err, "unexpected_status")
}

func TestACancelledContextEndsTheWorkPromptly(t *testing.T) {
	v := startVendor(t, profile(1))
	v.SetFaults(sandbox.Fault{Delay: time.Minute})
	for name, work := range works(connect(t, byAll(v.root))) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begun := time.Now()
		err := work(ctx, task(events.Erase, id(1)))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
			t.Errorf("%s: error %v after %s", name, err, time.Since(begun))
		}
	}
}

func TestASlowVendorIsGivenUpAfterTheTimeout(t *testing.T) {
	v := startVendor(t, profile(1))
	c := config(v.root)
	c.Timeout = 20 * time.Millisecond
	v.SetFaults(sandbox.Fault{Delay: time.Minute})
	_, err := connect(t, c).Count(t.Context(), task(events.Erase, id(1)))
	wantAgain(t, err)
	if t.Context().Err() != nil {
		t.Error("the task's context has ended")
	}
}

func TestConfigFaultsAreReportedAtOnce(t *testing.T) {
	_, err := capture.New(capture.Config{Auth: "digest", By: []capture.By{"email", capture.ByKey, capture.ByAccessToken}, Timeout: -1})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"url", "client_id", "client_secret", "auth", "email", "key_attribute", "yield_uuid", "timeout"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not name %s:\n%v", want, err)
		}
	}
}

func TestPlainHTTPIsForLoopbackOnly(t *testing.T) {
	for url, good := range map[string]bool{
		"https://my-app.janraincapture.com": true, "https://my-app.janraincapture.com/": true,
		"http://127.0.0.1:1": true, "http://localhost": true, "http://[::1]:1": true,
		"http://my-app.janraincapture.com": false, "http://127.example.com": false, "ftp://localhost": false,
		"https://user@example.com": false, "https://example.com?a": false, "example.com": false, "": false,
	} {
		if _, err := capture.New(config(url)); (err == nil) != good {
			t.Errorf("%s: %v", url, err)
		}
	}
}
