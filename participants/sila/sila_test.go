package sila_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
	"github.com/expunge-io/expunge/participants/sandbox"
	"github.com/expunge-io/expunge/participants/sila"
)

func TestErasesEveryKindOfEveryHandleAndNothingElse(t *testing.T) {
	v := startVendor(t, full("mia", 1), person("mia-at-work", data("emails", 11)), full("mia2", 101))
	work := task(events.Erase, "sila_handle=mia", "sila_handle=MIA.silamoney.eth", "sila_handle=mia-at-work", "user_id=u-1")
	want := events.Counts{"emails": 3, "phones": 1, "addresses": 1, "identities": 1}
	counts, err := v.p.Count(t.Context(), work)
	wantCounts(t, counts, err, want)
	res := erased(t, v.p, work)
	if res.Verdict != events.Erased {
		t.Errorf("verdict %s, want erased", res.Verdict)
	}
	wantCounts(t, res.Counts, nil, want)
	if v.left("mia") != 0 || v.left("mia-at-work") != 0 || v.left("mia2") != 5 {
		t.Errorf("left %d, %d and %d of the neighbour", v.left("mia"), v.left("mia-at-work"), v.left("mia2"))
	}
	v.wantEffects(t, 6)
	if again := erased(t, v.p, work); again.Verdict != events.Absent || again.Counts.Total() != 0 {
		t.Errorf("a second erase says %+v, want absent", again)
	}
}

func TestNoHandleMeansAbsent(t *testing.T) {
	v := startVendor(t)
	if res := erased(t, v.p, task(events.Erase, "user_id=u-1")); res.Verdict != events.Absent {
		t.Errorf("verdict %s, want absent", res.Verdict)
	}
}

// TestSuccessWithoutDeletionIsNeverTheEnd runs the verbs as a worker does: what the vendor
// only says it deleted is counted as left by all of them.
func TestSuccessWithoutDeletionIsNeverTheEnd(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	v.SetFaults(sandbox.Fault{Action: "delete", Lie: true})
	for _, verb := range []events.Verb{events.Erase, events.Verify} {
		r, err := participantstest.Do(t.Context(), events.RegistrationData, v.p, verb, mia().Identifiers...)
		if err != nil || r.Remaining == nil || *r.Remaining != 5 || r.Counts.Total() != map[events.Verb]int64{events.Verify: 5}[verb] {
			t.Errorf("%s: report %+v, error %v; want 5 remaining", verb, r, err)
		}
	}
	v.wantEffects(t, 0)
	v.SetFaults(sandbox.Fault{Action: "delete", Times: 1, Lie: true})
	res := erased(t, v.p, mia())
	wantCounts(t, res.Counts, nil, events.Counts{"emails": 1, "phones": 1, "addresses": 1, "identities": 1})
}

func TestACrashBetweenEffectAndReportDeletesOnce(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	v.SetFaults(sandbox.Fault{Action: "delete", Reset: true}, sandbox.Fault{Action: "get_entity", Skip: 2, Status: 500})
	_, err := v.p.Erase(t.Context(), mia())
	wantTransient(t, err)
	v.SetFaults()
	again := mia()
	again.Attempt, again.MaybeDone = 2, true
	erased(t, connect(t, oauth(v.url)), again) // another process
	if v.left("mia") != 0 {
		t.Error("something is left")
	}
	v.wantEffects(t, 5)
	if res := erased(t, v.p, again); res.Verdict != events.Absent {
		t.Errorf("verdict %s, want absent", res.Verdict)
	}
}

func TestALostAnswerCountsWhenTheItemIsGone(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	v.SetFaults(sandbox.Fault{Action: "delete", Reset: true})
	res := erased(t, v.p, mia())
	wantCounts(t, res.Counts, nil, events.Counts{"emails": 2, "phones": 1, "addresses": 1, "identities": 1})
	v.wantEffects(t, 5)
}

func TestAnIdentityAfterVerificationIsRetainedAndTheRestDeleted(t *testing.T) {
	for _, advanced := range []bool{false, true} {
		e := full("mia", 1)
		e.Verification = "passed"
		v := startVendor(t, e)
		c := oauth(v.url)
		c.AdvancedKYC, c.Ground = advanced, "AML: 5 years"
		_, err := connect(t, c).Erase(t.Context(), mia())
		var kept *participants.Retained
		if !errors.As(err, &kept) || kept.Ground != "AML: 5 years" {
			t.Errorf("error %v, want retained on the configured ground", err)
		}
		if v.left("mia") != 1 {
			t.Errorf("%d items left, want the identity", v.left("mia"))
		}
	}
}

func TestTheGroundHasADefault(t *testing.T) {
	e := full("mia", 1)
	e.Verification = "passed"
	v := startVendor(t, e)
	r, err := participantstest.Do(t.Context(), events.RegistrationData, v.p, events.Erase, mia().Identifiers...)
	if err != nil || r.Verdict != events.Retained || r.Ground == "" {
		t.Errorf("report %+v, error %v; want retained with a ground", r, err)
	}
}

// TestRetainedIsSaidOnlyWhenNothingElseIsLeft: it ends the share without another count.
func TestRetainedIsSaidOnlyWhenNothingElseIsLeft(t *testing.T) {
	for name, f := range map[string]sandbox.Fault{
		"a lie":       {Action: "delete", Times: 1, Lie: true},
		"a failure":   {Action: "delete", Times: 1, Status: 500},
		"a refusal":   {Action: "delete", Times: 1, Status: 403},
		"a rate":      {Action: "delete", Times: 1, Status: 429},
		"a bad form":  {Action: "delete", Times: 1, Status: 400},
		"blind later": {Action: "get_entity", Skip: 2, Times: 1, Status: 500},
	} {
		e := full("mia", 1)
		e.Verification = "passed"
		v := startVendor(t, e)
		v.SetFaults(f)
		_, err := v.p.Erase(t.Context(), mia())
		var kept *participants.Retained
		if err == nil || errors.As(err, &kept) {
			t.Errorf("%s: error %v, want one that is tried again or looked at", name, err)
		}
	}
}

func TestAnIdentityUnderVerificationIsTriedAgain(t *testing.T) {
	e := full("mia", 1)
	e.Verification = "pending"
	v := startVendor(t, e)
	res, err := v.p.Erase(t.Context(), mia())
	wantRetry(t, err, "pending", time.Hour)
	wantCounts(t, res.Counts, nil, events.Counts{"emails": 2, "phones": 1, "addresses": 1})
	e.Data, e.Verification = e.Data[4:], "failed"
	if err := v.Put(e); err != nil {
		t.Fatal(err)
	}
	if res := erased(t, v.p, mia()); res.Counts["identities"] != 1 {
		t.Errorf("counts %v after verification failed, want the identity", res.Counts)
	}
}

// TestAnIdentityUnderVerificationIsRetainedWhenTheErasureIsDue: until then it is tried again.
func TestAnIdentityUnderVerificationIsRetainedWhenTheErasureIsDue(t *testing.T) {
	e := full("mia", 1)
	e.Verification = "pending"
	v := startVendor(t, e)
	now := time.Now()
	c := oauth(v.url)
	c.Now = func() time.Time { return now }
	p := connect(t, c)
	task := mia()
	task.Due = now.Add(10 * time.Minute)
	_, err := p.Erase(t.Context(), task)
	wantRetry(t, err, "pending", 10*time.Minute)
	task.Due = now
	_, err = p.Erase(t.Context(), task)
	var kept *participants.Retained
	if !errors.As(err, &kept) || !strings.Contains(kept.Ground, "under way when the erasure was due") {
		t.Errorf("error %v, want retained", err)
	}
	if v.left("mia") != 1 {
		t.Errorf("%d items left, want the identity", v.left("mia"))
	}
}

// TestAVerificationInAnyOtherStateIsUnderWay: the vendor has more words than are known.
func TestAVerificationInAnyOtherStateIsUnderWay(t *testing.T) {
	for _, state := range []string{"review", "documents_required", "a word of tomorrow"} {
		e := person("mia", data("identities", 1))
		e.Verification = state
		v := startVendor(t, e)
		v.SetFaults(sandbox.Fault{Action: "delete", Status: 400})
		for _, advanced := range []bool{false, true} {
			c := oauth(v.url)
			c.AdvancedKYC, c.PendingWait = advanced, time.Minute
			_, err := connect(t, c).Erase(t.Context(), mia())
			wantRetry(t, err, "pending", time.Minute)
		}
	}
}

// TestAnAnswerWithoutAStateIsNoState: neither a retention nor its opposite follows from it.
func TestAnAnswerWithoutAStateIsNoState(t *testing.T) {
	v := startVendor(t, person("mia", data("identities", 1)))
	for _, body := range []string{`{}`, `{"success":true,"verifications":null}`, `{"verifications":[{}]}`, `<html>`} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch path := r.URL.Path; path {
			case "/0.2/check_kyc", "/0.2/get_verifications":
				_, _ = io.WriteString(w, body)
			case "/0.2/delete/identity":
				http.Error(w, "no", http.StatusBadRequest)
			default:
				v.ServeHTTP(w, r)
			}
		}))
		for _, advanced := range []bool{false, true} {
			c := oauth(srv.URL)
			c.AdvancedKYC = advanced
			_, err := connect(t, c).Erase(t.Context(), mia())
			wantTransient(t, err)
		}
		srv.Close()
	}
}

func TestOtherRefusalsOfAnIdentityNeedAnOperator(t *testing.T) {
	for state, advanced := range map[string]bool{"": false, "failed": true} {
		e := person("mia", data("identities", 1))
		e.Verification = state
		v := startVendor(t, e)
		c := oauth(v.url)
		c.AdvancedKYC = advanced
		v.SetFaults(sandbox.Fault{Action: "delete", Status: 400})
		_, err := connect(t, c).Erase(t.Context(), mia())
		wantMisconfigured(t, err, "identity_refused")
	}
}

func TestRefusalsOfADeletionAreVerbs(t *testing.T) {
	v := startVendor(t, person("mia", data("emails", 1), data("phones", 2)))
	erase := func(f sandbox.Fault) error {
		f.Action = "delete"
		v.SetFaults(f)
		defer v.SetFaults()
		_, err := v.p.Erase(t.Context(), mia())
		return err
	}
	wantRetry(t, erase(sandbox.Fault{Status: 429, RetryAfter: 7 * time.Second}), "rate_limited", 7*time.Second)
	wantRetry(t, erase(sandbox.Fault{Status: 429}), "rate_limited", 30*time.Second)
	wantMisconfigured(t, erase(sandbox.Fault{Status: 400}), "bad_request")
	wantMisconfigured(t, erase(sandbox.Fault{Status: 401}), "credentials")
	wantMisconfigured(t, erase(sandbox.Fault{Status: 403}), "credentials")
	wantMisconfigured(t, erase(sandbox.Fault{Status: 404}), "unexpected_status")
	wantMisconfigured(t, erase(sandbox.Fault{Status: 302}), "unexpected_status")
	wantMisconfigured(t, erase(sandbox.Fault{Status: 405}), "unexpected_status")
	wantTransient(t, erase(sandbox.Fault{Status: 500}))
	wantTransient(t, erase(sandbox.Fault{Status: 408}))
	if v.left("mia") != 2 {
		t.Error("a refused deletion had an effect")
	}
}

func TestRefusalsToShowAPersonAreVerbs(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	for name, work := range works(v.p) {
		look := func(f sandbox.Fault) error {
			f.Action = "get_entity"
			v.SetFaults(f)
			defer v.SetFaults()
			return work(t.Context(), mia())
		}
		t.Run(name, func(t *testing.T) {
			wantRetry(t, look(sandbox.Fault{Status: 429}), "rate_limited", 30*time.Second)
			wantMisconfigured(t, look(sandbox.Fault{Status: 400}), "bad_request")
			wantMisconfigured(t, look(sandbox.Fault{Status: 401}), "credentials")
			wantMisconfigured(t, look(sandbox.Fault{Status: 403}), "credentials")
			wantMisconfigured(t, look(sandbox.Fault{Status: 404}), "credentials") // the handle is taken
			wantTransient(t, look(sandbox.Fault{Status: 503}))
		})
	}
	v.wantEffects(t, 0)
}

func TestADeletionOfWhatSomebodyElseDeletedIsNoFault(t *testing.T) {
	v := startVendor(t, person("mia", data("addresses", 1)))
	inner := v.Sila
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/0.2/delete/address" { // which answers 400 then
			if err := inner.Put(person("mia")); err != nil {
				t.Error(err)
			}
		}
		inner.ServeHTTP(w, r)
	}))
	defer srv.Close()
	res := erased(t, connect(t, oauth(srv.URL)), mia())
	if res.Verdict != events.Absent || res.Counts.Total() != 0 {
		t.Errorf("result %+v, want absent", res)
	}
}

func TestAHandleThatNobodyHasIsAbsenceOnlyWithAProbe(t *testing.T) {
	v := startVendor(t)
	for name, c := range map[string]sila.Config{"oauth": oauth(v.url), "signing": signing(v.url, userKey)} {
		t.Run(name, func(t *testing.T) {
			count := func(probe string) error {
				c.Probe = probe
				_, err := connect(t, c).Count(t.Context(), task(events.Resolve, "sila_handle=nobody"))
				return err
			}
			wantMisconfigured(t, count(""), "unseen_handle")
			wantMisconfigured(t, count("never-registered"), "probe_not_found")
			if err := count("probe"); err != nil {
				t.Errorf("error %v, want absence", err)
			}
		})
	}
}

func TestAPersonOfAnotherAppIsAFault(t *testing.T) {
	theirs := full("mia", 1)
	theirs.App = "their_app"
	v := startVendor(t, theirs)
	for name, work := range works(v.p) {
		t.Run(name, func(t *testing.T) { wantMisconfigured(t, work(t.Context(), mia()), "credentials") })
	}
	if v.left("mia") != 5 {
		t.Error("a person of another app was touched")
	}
}

func TestWrongCredentialsAreFaults(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	for name, c := range map[string]sila.Config{
		"wrong secret":   {API: v.url, AppHandle: "our_app", ClientID: "client", ClientSecret: "guess", Probe: "probe"},
		"wrong app":      {API: v.url, AppHandle: "no_app", ClientID: "client", ClientSecret: "secret", Probe: "probe"},
		"wrong app key":  {API: v.url, AppHandle: "our_app", AppKey: otherKey, UserKey: userKey, Probe: "probe"},
		"wrong user key": {API: v.url, AppHandle: "our_app", AppKey: appKey, UserKey: otherKey, Probe: "probe"},
	} {
		t.Run(name, func(t *testing.T) {
			p := connect(t, c)
			_, err := p.Erase(t.Context(), mia())
			wantMisconfigured(t, err, "credentials")
			if name != "wrong user key" { // which only a person's data can show
				wantMisconfigured(t, p.Check(t.Context()), "credentials")
			}
		})
	}
	if v.left("mia") != 5 {
		t.Error("something was deleted")
	}
}

func TestCheckKnowsGoodCredentialsAndProbes(t *testing.T) {
	v := startVendor(t)
	for _, c := range []sila.Config{oauth(v.url), signing(v.url, userKey), signing(v.url, "")} {
		if err := connect(t, c).Check(t.Context()); err != nil {
			t.Error(err)
		}
		c.Probe = ""
		if err := connect(t, c).Check(t.Context()); err != nil {
			t.Error(err)
		}
		c.Probe = "gone"
		wantMisconfigured(t, connect(t, c).Check(t.Context()), "probe_not_found")
	}
}

func TestATokenIsFetchedOnceAndRenewedWhenItIsRefused(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	fetched := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/auth_token") {
			fetched++
		}
		v.ServeHTTP(w, r)
	}))
	defer srv.Close()
	now := time.Now()
	c := oauth(srv.URL)
	c.Now = func() time.Time { return now }
	p := connect(t, c)
	count := func(want int) {
		t.Helper()
		if _, err := p.Count(t.Context(), mia()); err != nil || fetched != want {
			t.Fatalf("%d tokens were fetched, error %v; want %d", fetched, err, want)
		}
	}
	count(1)
	count(1)
	v.RevokeTokens()
	count(2)
}

func TestATokenIsReplacedHalfAnHourBeforeItsEnd(t *testing.T) {
	var created []int64
	now := time.Unix(1_800_000_000, 0)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/auth_token") {
			created = append(created, now.Unix())
			_, _ = w.Write([]byte(`{"success":true,"access_token":{"token":"t","expiration":1800028800}}`))
			return
		}
		_, _ = w.Write([]byte(`{"success":true,"user_handle":"mia","emails":[],"phones":[],"addresses":[],"identities":[]}`))
	}))
	defer srv.Close()
	c := oauth(srv.URL)
	c.Now = func() time.Time { return now }
	p := connect(t, c)
	for _, at := range []time.Duration{0, 7*time.Hour + 29*time.Minute, 7*time.Hour + 30*time.Minute} {
		now = time.Unix(1_800_000_000, 0).Add(at)
		if _, err := p.Count(t.Context(), mia()); err != nil {
			t.Fatal(err)
		}
	}
	if len(created) != 2 {
		t.Errorf("tokens were fetched at %v, want twice", created)
	}
}

// TestAnAnswerThatIsNotAboutThePersonIsNeverAZero feeds what a proxy, or another version of
// the API, might say.
func TestAnAnswerThatIsNotAboutThePersonIsNeverAZero(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":           ``,
		"a page":            `<html>`,
		"an empty object":   `{}`,
		"another person":    `{"success":true,"user_handle":"ben","emails":[],"phones":[],"addresses":[],"identities":[]}`,
		"no success":        `{"success":false,"user_handle":"mia","emails":[],"phones":[],"addresses":[],"identities":[]}`,
		"a list is missing": `{"success":true,"user_handle":"mia","emails":[],"phones":[],"addresses":[]}`,
		"a list is null":    `{"success":true,"user_handle":"mia","emails":[],"phones":null,"addresses":[],"identities":[]}`,
		"no uuid":           `{"success":true,"user_handle":"mia","emails":[{"email":"x"}],"phones":[],"addresses":[],"identities":[]}`,
		"too long":          `{"success":true,"user_handle":"mia","emails":[],"phones":[],"addresses":[],"identities":[]` + strings.Repeat(" ", 1<<20) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
			defer srv.Close()
			for _, work := range works(connect(t, signing(srv.URL, userKey))) {
				wantTransient(t, work(t.Context(), mia()))
			}
		})
	}
}

func TestAUserKeyIsThatOfItsHandle(t *testing.T) {
	ben := full("ben", 101)
	ben.Addresses = []string{appAddress}
	v := startVendor(t, full("mia", 1), ben)
	p := connect(t, signing(v.url, ""))
	two := task(events.Erase, "sila_handle=mia", "sila_handle=ben", "sila_user_key=Mia.silamoney.eth:"+userKey, "sila_user_key=ben:"+appKey)
	if res := erased(t, p, two); res.Counts.Total() != 10 {
		t.Errorf("counts %v, want all 10", res.Counts)
	}
	for code, ids := range map[string][]string{
		"user_key_missing":   {"sila_handle=mia", "sila_user_key=ben:" + userKey},
		"user_key_ambiguous": {"sila_handle=mia", "sila_user_key=" + userKey, "sila_user_key=" + otherKey},
		"user_key_form":      {"sila_handle=mia", "sila_user_key=mia:0x22"},
		"handle_form":        {"sila_handle=mia/..", "sila_user_key=" + userKey},
	} {
		_, err := p.Count(t.Context(), task(events.Resolve, ids...))
		wantMisconfigured(t, err, code)
	}
	if _, err := p.Count(t.Context(), task(events.Resolve, "sila_handle=mia", "sila_user_key="+userKey, "sila_user_key=mia:"+userKey)); err != nil {
		t.Errorf("the same key twice: %v", err)
	}
}

func TestNothingIsDeletedWhileOneHandleIsInDoubt(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	c := oauth(v.url)
	c.Probe = ""
	for _, doubtful := range []string{"sila_handle=nobody", "sila_handle=", "sila_handle=\x00", "sila_handle=m%69a", "sila_handle=\xff"} {
		_, err := connect(t, c).Erase(t.Context(), task(events.Erase, "sila_handle=mia", doubtful))
		if _, ok := errors.AsType[*participants.Misconfigured](err); !ok {
			t.Errorf("%q: error %v, want misconfigured", doubtful, err)
		}
	}
	v.wantEffects(t, 0)
}

func TestItemsAreNamedByUUIDsAndOnlyThePersonsAreTouched(t *testing.T) {
	v := startVendor(t, full("mia", 0xa), full("ben", 101))
	narrow := mia()
	narrow.Items = []events.Item{named("emails", strings.ToUpper(id(0xa))), named("phones", id(0xa)), named("emails", id(101))}
	res := erased(t, v.p, narrow)
	wantCounts(t, res.Counts, nil, events.Counts{"emails": 1})
	if v.left("mia") != 4 || v.left("ben") != 5 {
		t.Errorf("left %d and %d", v.left("mia"), v.left("ben"))
	}
	narrow.Items = []events.Item{named("emails", "../x")}
	_, err := v.p.Count(t.Context(), narrow)
	wantMisconfigured(t, err, "reference_form")

	nobody := task(events.Erase)
	nobody.Items = []events.Item{named("emails", id(101))}
	_, err = v.p.Erase(t.Context(), nobody)
	var refused *participants.Refuse
	if !errors.As(err, &refused) || refused.Code != "item_not_the_persons" {
		t.Errorf("error %v, want refused", err)
	}
}

func TestTheSecondOfTheCutOffIsLater(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	for cutOff, want := range map[time.Time]int64{
		then.Add(time.Second):           0,
		then.Add(time.Second - 1):       5,
		then:                            5,
		then.Add(-time.Nanosecond):      5,
		then.Add(time.Hour):             0,
		then.Add(-365 * 24 * time.Hour): 5,
	} {
		narrow := mia()
		narrow.CutOff = cutOff
		left, err := v.p.Count(t.Context(), narrow)
		if err != nil || left.Total() != 5-want {
			t.Errorf("cut-off %s: counts %v, error %v; want %d", cutOff, left, err, 5-want)
		}
	}
	unknown := data("emails", 1)
	unknown.Added = time.Unix(0, 0)
	if err := v.Put(person("mia", unknown)); err != nil {
		t.Fatal(err)
	}
	narrow := mia()
	narrow.CutOff = then
	_, err := v.p.Erase(t.Context(), narrow)
	wantMisconfigured(t, err, "age_unknown")
}

func TestARedirectIsNotFollowed(t *testing.T) {
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer away.Close()
	srv := httptest.NewServer(http.RedirectHandler(away.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	for _, c := range []sila.Config{oauth(srv.URL), signing(srv.URL, userKey)} {
		_, err := connect(t, c).Count(t.Context(), mia())
		wantMisconfigured(t, err, "unexpected_status")
	}
}

func TestAnotherRealmIsRefused(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	c := oauth(v.url)
	c.Realm = "other"
	_, err := connect(t, c).Erase(t.Context(), mia())
	wantMisconfigured(t, err, "wrong_realm")
}

func TestACancelledContextEndsTheWorkPromptly(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	v.SetFaults(sandbox.Fault{Delay: time.Minute})
	for name, work := range works(v.p) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begun := time.Now()
		err := work(ctx, mia())
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
			t.Errorf("%s: error %v after %s", name, err, time.Since(begun))
		}
	}
}

func TestNothingIsDeletedAfterThePermitEnded(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	v.SetFaults(sandbox.Fault{Action: "delete", Times: 1, Delay: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := v.p.Erase(ctx, mia()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that of the context", err)
	}
	v.wantEffects(t, 0)
}

func TestASlowVendorIsGivenUpAfterTheTimeout(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	c := oauth(v.url)
	c.Timeout = 20 * time.Millisecond
	v.SetFaults(sandbox.Fault{Delay: time.Minute})
	_, err := connect(t, c).Count(t.Context(), mia())
	wantTransient(t, err)
}

func TestTheSessionIdentifierGoesWithAddressesOnly(t *testing.T) {
	v := startVendor(t, full("mia", 1))
	sent := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		sent[r.URL.Path] = strings.Contains(string(body), `"session_identifier":"session-1"`)
		r.Body = io.NopCloser(bytes.NewReader(body))
		v.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c := oauth(srv.URL)
	c.SessionIdentifier = "session-1"
	erased(t, connect(t, c), mia())
	for path, has := range sent {
		if has != (path == "/0.2/delete/address") {
			t.Errorf("%s: session_identifier sent: %t", path, has)
		}
	}
}

func TestConfigFaultsAreReportedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		config sila.Config
		want   []string
	}{
		"empty":          {sila.Config{}, []string{"api:", "app_handle:", "client_id:"}},
		"half of OAuth2": {sila.Config{API: "https://h", AppHandle: "a", ClientID: "c"}, []string{"client_id, client_secret:"}},
		"both":           {sila.Config{API: "https://h", AppHandle: "a", ClientID: "c", ClientSecret: "s", AppKey: appKey}, []string{"app_key, user_key:"}},
		"a user key":     {sila.Config{API: "https://h", AppHandle: "a", UserKey: userKey}, []string{"app_key:"}},
		"bad keys":       {sila.Config{API: "https://h", AppHandle: "a", AppKey: "x", UserKey: "y"}, []string{"app_key:", "user_key:"}},
		"the rest": {
			sila.Config{API: "ftp://h", AppHandle: "a b", Probe: "a b", AppKey: appKey, Timeout: -1},
			[]string{"api:", "app_handle:", "probe:", "timeout, pending_wait:"},
		},
		"no TLS":      {sila.Config{API: "http://api.example.com", AppHandle: "a", AppKey: appKey}, []string{"api:"}},
		"a user":      {sila.Config{API: "https://u:p@h", AppHandle: "a", AppKey: appKey}, []string{"api:"}},
		"a query":     {sila.Config{API: "https://h?x=1", AppHandle: "a", AppKey: appKey}, []string{"api:"}},
		"a fake host": {sila.Config{API: "http://127.0.0.1.example.com", AppHandle: "a", AppKey: appKey}, []string{"api:"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sila.New(c.config)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error does not name %s\n%v", want, err)
				}
			}
		})
	}
}

func TestAKeyInTheConfigurationIsNotQuoted(t *testing.T) {
	spoilt := strings.Replace(appKey, "1", "g", 1)
	_, err := sila.New(sila.Config{API: "https://h", AppHandle: "a", AppKey: spoilt, UserKey: spoilt})
	if err == nil || strings.Contains(err.Error(), spoilt[10:]) {
		t.Errorf("error %v quotes a key, or is none", err)
	}
}

func TestNeedsAKeyOfThePersonOnlyWhenNothingElseSigns(t *testing.T) {
	for _, c := range []struct {
		config sila.Config
		want   []events.IdentifierType
	}{
		{oauth("https://h"), []events.IdentifierType{sila.Handle}},
		{signing("https://h", userKey), []events.IdentifierType{sila.Handle}},
		{signing("https://h", ""), []events.IdentifierType{sila.Handle, sila.Key}},
	} {
		if got := connect(t, c.config).Needs(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("needs %v, want %v", got, c.want)
		}
	}
}

// TestOnlyTheFormThatIsComparedNamesAnItem: any other would be counted as gone.
func TestOnlyTheFormThatIsComparedNamesAnItem(t *testing.T) {
	for _, ref := range []string{"{" + id(1) + "}", "urn:uuid:" + id(1), strings.ReplaceAll(id(1), "-", "")} {
		v := startVendor(t, full("mia", 1))
		narrow := mia()
		narrow.Items = []events.Item{named("emails", ref)}
		_, err := v.p.Count(t.Context(), narrow)
		wantMisconfigured(t, err, "reference_form")
	}
}

// TestANotFoundIsNoRefusalOfAnIdentity: a path that is gone is no ground to keep anything.
func TestANotFoundIsNoRefusalOfAnIdentity(t *testing.T) {
	e := person("mia", data("identities", 1))
	e.Verification = "passed"
	v := startVendor(t, e)
	v.SetFaults(sandbox.Fault{Action: "delete", Status: 404})
	_, err := v.p.Erase(t.Context(), mia())
	wantMisconfigured(t, err, "unexpected_status")
}
