package cognito_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/cognito"
	"github.com/expunge-io/expunge/participants/sandbox"
)

const (
	pool      = "eu-central-1_people"
	otherPool = "eu-central-1_others"
)

// vendor is a sandbox and a participant that knows it.
type vendor struct {
	*sandbox.Cognito
	root string
	p    *cognito.Participant
}

func person(name, sub string) sandbox.CognitoUser {
	return sandbox.CognitoUser{Pool: pool, Username: name, Sub: sub, Attributes: map[string]string{"email": name + "@example.org"}}
}

func startVendor(t *testing.T, users ...sandbox.CognitoUser) vendor {
	t.Helper()
	s, err := sandbox.OpenCognito(sandbox.CognitoConfig{
		Region: "eu-central-1",
		Now:    time.Now, // the SDK signs with the wall clock
		Keys:   []sandbox.AccessKey{{Account: "ours", ID: "AKIAOURS", Secret: "s3cret"}, {Account: "theirs", ID: "AKIATHEIRS", Secret: "0ther"}},
		Pools:  []sandbox.UserPool{{Account: "ours", ID: pool, Aliases: []string{"email"}}, {Account: "ours", ID: otherPool}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(users...); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return vendor{s, srv.URL, connect(t, config(srv.URL))}
}

func config(root string) cognito.Config {
	return cognito.Config{Region: "eu-central-1", Pool: pool, AccessKeyID: "AKIAOURS", SecretAccessKey: "s3cret", Endpoint: root}
}

func connect(t *testing.T, c cognito.Config) *cognito.Participant {
	t.Helper()
	p, err := cognito.New(c)
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

const kim = "cognito_username=kim"

func wantMisconfigured(t *testing.T, err error, code string) {
	t.Helper()
	var fault *participants.Misconfigured
	if !errors.As(err, &fault) || fault.Code != code {
		t.Fatalf("error %v, want misconfigured: %s", err, code)
	}
}

func wantCounts(t *testing.T, got events.Counts, ids, links int64) {
	t.Helper()
	if got["identities"] != ids || got["provider_links"] != links {
		t.Errorf("counts %v, want %d identities and %d links", got, ids, links)
	}
}

func (v vendor) names(pool string) string {
	var names []string
	for _, u := range v.Stored(pool) {
		names = append(names, u.Username)
	}
	return strings.Join(names, " ")
}

func TestErasesAnIdentityWithItsLinksAndNobodyElse(t *testing.T) {
	u := person("kim", "sub-kim")
	u.Links = []sandbox.ProviderLink{{Provider: "Google", Subject: "g-1"}, {Provider: "Okta", Subject: "o-1"}}
	elsewhere := person("kim", "sub-other")
	elsewhere.Pool = otherPool
	linked := person("lee", "sub-lee")
	linked.Links = []sandbox.ProviderLink{{Provider: "Google", Subject: "g-2"}}
	v := startVendor(t, u, elsewhere, linked, person("KIM", "sub-4"), person("kim2", "sub-5"), person("sub-kim2", "sub-6"))

	before, err := v.p.Count(t.Context(), task(events.Resolve, kim))
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, before, 1, 2)
	res, err := v.p.Erase(t.Context(), task(events.Erase, kim))
	if err != nil || res.Verdict != events.Erased || res.RowsOnly {
		t.Fatalf("result %+v, error %v", res, err)
	}
	wantCounts(t, res.Counts, 1, 2)
	after, err := v.p.Count(t.Context(), task(events.Verify, kim))
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, after, 0, 0)
	if got := v.names(pool) + "|" + v.names(otherPool); got != "KIM kim2 lee sub-kim2|kim" {
		t.Errorf("left: %s", got)
	}
	if again, err := v.p.Erase(t.Context(), task(events.Erase, kim)); err != nil || again.Verdict != events.Absent {
		t.Errorf("a second erase says %+v, %v; want absent", again, err)
	}
}

func TestAnIdentityThatIsAnExternalOneGoesAsAWhole(t *testing.T) {
	u := person("Google_1", "sub-1")
	u.Links = []sandbox.ProviderLink{{Provider: "Google", Subject: "1", Primary: true}}
	v := startVendor(t, u)
	res, err := v.p.Erase(t.Context(), task(events.Erase, "cognito_username=Google_1"))
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, res.Counts, 1, 0)
}

func TestSeveralIdentitiesOfOnePerson(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"), person("kim-work", "s-2"), person("lee", "s-3"))
	res, err := v.p.Erase(t.Context(), task(events.Erase, kim, "cognito_username=kim-work", kim, "cognito_username=s-1", "user_id=lee"))
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, res.Counts, 2, 0)
	if got := v.names(pool); got != "lee" {
		t.Errorf("left: %s, want lee", got)
	}
}

func TestNoUserNameMeansAbsent(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"))
	res, err := v.p.Erase(t.Context(), task(events.Erase, "user_id=kim"))
	if err != nil || res.Verdict != events.Absent {
		t.Errorf("result %+v, error %v; want absent", res, err)
	}
}

func TestAnAliasIsNobodysName(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"))
	for name, work := range works(v.p) {
		err := work(t.Context(), task(events.Erase, "cognito_username=kim@example.org"))
		var fault *participants.Misconfigured
		if !errors.As(err, &fault) || fault.Code != "username_is_alias" {
			t.Errorf("%s: error %v, want misconfigured: username_is_alias", name, err)
		}
	}
	if u := v.Stored(pool); len(u) != 1 || u[0].Disabled {
		t.Error("the owner of the alias was touched")
	}
}

func TestTheSubDecidesWhoIsWho(t *testing.T) {
	v := startVendor(t, person("kim", "s-new"), person("lee", "s-lee"))
	c := config(v.root)
	c.NeedSub = true
	p := connect(t, c)

	_, err := p.Count(t.Context(), task(events.Resolve, kim))
	wantMisconfigured(t, err, "sub_missing")

	var refused *participants.Refuse
	erase := task(events.Erase, kim, "cognito_username=lee", "cognito_sub=s-old", "cognito_sub=s-lee")
	if _, err := p.Erase(t.Context(), erase); !errors.As(err, &refused) || refused.Code != "wrong_person" {
		t.Errorf("error %v, want refused: wrong_person", err)
	}
	if u := v.Stored(pool); len(u) != 2 || u[0].Disabled || u[1].Disabled {
		t.Error("somebody was touched although one identity was in doubt")
	}

	erase.MaybeDone = true // the person's own is gone, and the name was given out again
	res, err := p.Erase(t.Context(), erase)
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, res.Counts, 1, 0)
	if got := v.names(pool); got != "kim" {
		t.Errorf("left: %s, want the new kim alone", got)
	}
	verify := task(events.Verify, kim, "cognito_sub=s-old")
	verify.Baseline = events.Counts{"identities": 1}
	if left, err := p.Count(t.Context(), verify); err != nil || left.Total() != 0 {
		t.Errorf("counts %v, error %v; want none", left, err)
	}
}

func TestNeeds(t *testing.T) {
	c := config("http://127.0.0.1")
	if got, want := connect(t, c).Needs(), []events.IdentifierType{cognito.Username}; !reflect.DeepEqual(got, want) {
		t.Errorf("needs %v, want %v", got, want)
	}
	c.NeedSub = true
	if got, want := connect(t, c).Needs(), []events.IdentifierType{cognito.Username, cognito.Sub}; !reflect.DeepEqual(got, want) {
		t.Errorf("needs %v, want %v", got, want)
	}
}

func TestBlindnessIsNeverAbsence(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"))
	cases := map[string]struct {
		spoil func(*cognito.Config)
		code  string
	}{
		"missing pool":   {func(c *cognito.Config) { c.Pool = "eu-central-1_none" }, "pool_missing"},
		"another's pool": {func(c *cognito.Config) { c.AccessKeyID, c.SecretAccessKey = "AKIATHEIRS", "0ther" }, "pool_missing"},
		"unknown key":    {func(c *cognito.Config) { c.AccessKeyID = "AKIANOBODY" }, "credentials"},
		"wrong secret":   {func(c *cognito.Config) { c.SecretAccessKey = "guess" }, "credentials"},
		"wrong region":   {func(c *cognito.Config) { c.Region = "us-east-1" }, "credentials"},
		"another realm":  {func(c *cognito.Config) { c.Realm = "other" }, "wrong_realm"},
		"a wrong path":   {func(c *cognito.Config) { c.Endpoint += "/elsewhere" }, "operation_unsupported"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spoiled := config(v.root)
			c.spoil(&spoiled)
			p := connect(t, spoiled)
			for _, work := range works(p) {
				wantMisconfigured(t, work(t.Context(), task(events.Erase, kim)), c.code)
			}
			if c.code != "wrong_realm" { // a realm is the task's
				wantMisconfigured(t, p.Check(t.Context()), c.code)
			}
		})
	}
	if err := v.p.Check(t.Context()); err != nil {
		t.Errorf("check of a good configuration: %v", err)
	}
}

func TestSuccessWithoutDeletionIsCountedAsLeft(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"))
	v.SetFaults(sandbox.Fault{Action: "AdminDeleteUser", Lie: true})
	res, err := v.p.Erase(t.Context(), task(events.Erase, kim))
	if err != nil || res.Counts.Total() != 0 || res.Verdict == events.Absent {
		t.Errorf("result %+v, error %v; want nothing erased, and not absent", res, err)
	}
	left, err := v.p.Count(t.Context(), task(events.Erase, kim))
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, left, 1, 0)
}

// TestSuccessWithoutRestoringIsNone: nobody counts after a restore.
func TestSuccessWithoutRestoringIsNone(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"))
	suspend := task(events.Suspend, kim)
	undo, err := v.p.Prepare(t.Context(), suspend)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.p.Suspend(t.Context(), suspend, undo); err != nil {
		t.Fatal(err)
	}
	v.SetFaults(sandbox.Fault{Action: "AdminEnableUser", Lie: true})
	if res, err := v.p.Restore(t.Context(), task(events.Restore, kim), undo); err == nil {
		t.Errorf("result %+v; want it tried again", res)
	}
	v.SetFaults()
	if res, err := v.p.Restore(t.Context(), task(events.Restore, kim), undo); err != nil || res.Verdict != events.Restored {
		t.Errorf("result %+v, error %v", res, err)
	}
}

func TestRefusalsAreVerbs(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"))
	for _, op := range []string{"AdminGetUser", "AdminDisableUser", "AdminUserGlobalSignOut", "AdminDeleteUser"} {
		v.SetFaults(sandbox.Fault{Action: op, Status: 429})
		_, err := v.p.Erase(t.Context(), task(events.Erase, kim))
		var retry *participants.RetryAfter
		if !errors.As(err, &retry) || retry.Code != "rate_limited" || retry.After != 5*time.Second {
			t.Errorf("%s throttled: %v, want retry after 5s", op, err)
		}
		v.SetFaults(sandbox.Fault{Action: op, Status: 400})
		_, err = v.p.Erase(t.Context(), task(events.Erase, kim))
		wantMisconfigured(t, err, "invalid_parameter")

		v.SetFaults(sandbox.Fault{Action: op, Status: 500})
		_, err = v.p.Erase(t.Context(), task(events.Erase, kim))
		var fault *participants.Misconfigured
		if retry = nil; err == nil || errors.As(err, &retry) || errors.As(err, &fault) {
			t.Errorf("%s with status 500: %v, want an ordinary error", op, err)
		}
	}
	if len(v.Stored(pool)) != 1 {
		t.Error("a refused deletion had an effect")
	}
}

func TestALostAnswerIsSettledByLookingAgain(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"))
	v.SetFaults(sandbox.Fault{Action: "AdminDeleteUser", Times: 1, Reset: true})
	res, err := v.p.Erase(t.Context(), task(events.Erase, kim))
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, res.Counts, 1, 0)
}

func TestAfterACrashBetweenEffectAndAnswerTheNextAttemptFindsNothing(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"))
	v.SetFaults(sandbox.Fault{Action: "AdminDeleteUser", Times: 1, Reset: true}, sandbox.Fault{Action: "AdminGetUser", Skip: 1, Times: 1, Reset: true})
	if _, err := v.p.Erase(t.Context(), task(events.Erase, kim)); err == nil {
		t.Fatal("an erase whose answers were all lost reports success")
	}
	second := task(events.Erase, kim)
	second.MaybeDone = true
	res, err := v.p.Erase(t.Context(), second)
	if err != nil || res.Verdict != events.Absent {
		t.Errorf("result %+v, error %v; want absent", res, err)
	}
	if d := v.Ledger()[0]; d.Effects != 1 || d.Attempts != 1 {
		t.Errorf("ledger %+v, want one effect", d)
	}
}

func TestGlobalSignOutMayBeMissingOnlyWhereThatIsConfigured(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"))
	v.SetFaults(sandbox.Fault{Action: "AdminUserGlobalSignOut", Unsupported: true})
	_, err := v.p.Erase(t.Context(), task(events.Erase, kim))
	wantMisconfigured(t, err, "operation_unsupported")

	c := config(v.root)
	c.AllowNoSignOut = true
	res, err := connect(t, c).Erase(t.Context(), task(events.Erase, kim))
	if err != nil || !res.RowsOnly {
		t.Errorf("result %+v, error %v; want erased with the remote effect unconfirmed", res, err)
	}
	wantCounts(t, res.Counts, 1, 0)
}

func TestSuspendAndRestore(t *testing.T) {
	was := person("off", "s-2")
	was.Disabled = true
	v := startVendor(t, person("kim", "s-1"), was, person("lee", "s-3"))
	both := []string{kim, "cognito_username=off"}
	suspend := task(events.Suspend, both...)
	undo, err := v.p.Prepare(t.Context(), suspend)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.p.Suspend(t.Context(), suspend, undo); err != nil {
		t.Fatal(err)
	}
	if u := v.Stored(pool); !u[0].Disabled || u[0].SignedOut != 1 || u[1].Disabled {
		t.Errorf("users %+v, want kim disabled and signed out, lee untouched", u)
	}
	res, err := v.p.Restore(t.Context(), task(events.Restore, both...), undo)
	if err != nil || res.Verdict != events.Restored {
		t.Fatalf("result %+v, error %v", res, err)
	}
	wantCounts(t, res.Counts, 1, 0)
	if u := v.Stored(pool); u[0].Disabled || !u[2].Disabled {
		t.Errorf("users %+v, want kim enabled, and off as before", u)
	}
	var refused *participants.Refuse
	if _, err := v.p.Restore(t.Context(), task(events.Restore, both...), "torn"); !errors.As(err, &refused) {
		t.Errorf("error %v, want refused", err)
	}
}

// TestSuspendGoesByTheUndoThatCounts and not by what it sees: what was enabled or given out
// again since it was prepared, Restore could not bring back.
func TestSuspendGoesByTheUndoThatCounts(t *testing.T) {
	off, taken := person("off", "s-2"), person("old", "s-3")
	off.Disabled = true
	v := startVendor(t, person("kim", "s-1"), off, taken)
	all := []string{kim, "cognito_username=off", "cognito_username=old", "cognito_username=new"}
	undo, err := v.p.Prepare(t.Context(), task(events.Suspend, all...))
	if err != nil {
		t.Fatal(err)
	}
	off.Disabled, taken.Sub = false, "s-4"
	if err := v.Put(off, taken, person("new", "s-5")); err != nil {
		t.Fatal(err)
	}
	res, err := v.p.Suspend(t.Context(), task(events.Suspend, all...), undo)
	if err != nil || res.Verdict != events.Suspended {
		t.Fatalf("result %+v, error %v", res, err)
	}
	wantCounts(t, res.Counts, 1, 0)
	for _, u := range v.Stored(pool) {
		ended := 1
		if u.Username == "old" { // somebody else's by now
			ended = 0
		}
		if u.Disabled != (u.Username == "kim") || u.SignedOut != ended {
			t.Errorf("%s: disabled %v, signed out %d times", u.Username, u.Disabled, u.SignedOut)
		}
	}
	taken.Disabled = true
	if err := v.Put(taken); err != nil {
		t.Fatal(err)
	}
	if _, err := v.p.Restore(t.Context(), task(events.Restore, all...), undo); err != nil {
		t.Fatal(err)
	}
	for _, u := range v.Stored(pool) {
		if u.Disabled != (u.Username == "old") {
			t.Errorf("%s: disabled %v after restore", u.Username, u.Disabled)
		}
	}
	var refused *participants.Refuse
	if _, err := v.p.Suspend(t.Context(), task(events.Suspend, all...), "torn"); !errors.As(err, &refused) {
		t.Errorf("error %v, want refused", err)
	}
}

func TestACancelledContextEndsTheWorkPromptly(t *testing.T) {
	v := startVendor(t, person("kim", "s-1"))
	v.SetFaults(sandbox.Fault{Delay: time.Minute})
	for name, work := range works(v.p) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begun := time.Now()
		err := work(ctx, task(events.Erase, kim))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
			t.Errorf("%s: error %v after %s", name, err, time.Since(begun))
		}
	}
}

// nobody is the undo value of a person without identities.
const nobody = `{"identities":[]}`

// works are the calls of the SDK, for tests that are about all of them.
func works(p *cognito.Participant) map[string]func(context.Context, participants.Task) error {
	type work = func(context.Context, participants.Task) error
	return map[string]work{
		"erase":   func(ctx context.Context, t participants.Task) error { _, err := p.Erase(ctx, t); return err },
		"count":   func(ctx context.Context, t participants.Task) error { _, err := p.Count(ctx, t); return err },
		"prepare": func(ctx context.Context, t participants.Task) error { _, err := p.Prepare(ctx, t); return err },
		"suspend": func(ctx context.Context, t participants.Task) error { _, err := p.Suspend(ctx, t, nobody); return err },
		"restore": func(ctx context.Context, t participants.Task) error { _, err := p.Restore(ctx, t, nobody); return err },
	}
}

func TestConfigFaultsAreReportedAtOnce(t *testing.T) {
	_, err := cognito.New(cognito.Config{Pool: "people", Endpoint: "nowhere", Timeout: -1})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"region", "pool", "access_key_id", "endpoint", "timeout"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not name %s:\n%v", want, err)
		}
	}
}
