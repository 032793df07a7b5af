package jumio_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/jumio"
	"github.com/expunge-io/expunge/participants/sandbox"
)

// vendor is a sandbox with a probe of each kind in eu, and a participant that knows them.
type vendor struct {
	*sandbox.Jumio
	root string
	p    *jumio.Participant
}

func tx(region, kind, reference string) sandbox.JumioTransaction {
	return sandbox.JumioTransaction{Tenant: "ours", Region: region, Kind: kind, Reference: reference}
}

func startVendor(t *testing.T, txs ...sandbox.JumioTransaction) vendor {
	t.Helper()
	s, err := sandbox.OpenJumio(sandbox.JumioConfig{Now: time.Now, Accounts: []sandbox.JumioAccount{
		{Tenant: "ours", Token: "token", Secret: "secret"},
		{Tenant: "theirs", Token: "theirs", Secret: "theirs"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"scans", "authentications", "documents"} {
		txs = append(txs, tx("eu", kind, "probe"))
	}
	if err := s.Put(txs...); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return vendor{s, srv.URL, connect(t, config(srv.URL))}
}

func config(root string) jumio.Config {
	c := jumio.Config{UserAgent: "Example Corp Expunge/v1.0", Token: "token", Secret: "secret", DefaultRegion: "eu", Regions: map[string]jumio.Region{}}
	for _, region := range []string{"us", "eu", "sgp"} {
		c.Regions[region] = jumio.Region{API: sandbox.JumioAPI(root, region), Retrieval: sandbox.JumioRetrieval(root, region)}
	}
	eu := c.Regions["eu"]
	eu.Probes = map[events.Kind]string{"scans": "probe", "authentications": "probe", "documents": "probe"}
	c.Regions["eu"] = eu
	return c
}

func connect(t *testing.T, c jumio.Config) *jumio.Participant {
	t.Helper()
	p, err := jumio.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// task brings references as type=value.
func task(verb events.Verb, ids ...string) participants.Task {
	t := participants.Task{Saga: "saga", Verb: verb, Round: 1, Attempt: 1, Realm: "main"}
	for _, id := range ids {
		typ, value, _ := strings.Cut(id, "=")
		t.Identifiers = append(t.Identifiers, events.Identifier{Type: events.IdentifierType(typ), Value: events.Private(value)})
	}
	return t
}

func wantCounts(t *testing.T, got events.Counts, err error, want events.Counts) {
	t.Helper()
	if err != nil || got.Total() != want.Total() {
		t.Fatalf("counts %v, error %v; want %v", got, err, want)
	}
	for kind, n := range want {
		if got[kind] != n {
			t.Errorf("counts %v, want %v", got, want)
		}
	}
}

func wantMisconfigured(t *testing.T, err error, code string) {
	t.Helper()
	var fault *participants.Misconfigured
	if !errors.As(err, &fault) || fault.Code != code {
		t.Fatalf("error %v, want misconfigured: %s", err, code)
	}
}

func wantRetry(t *testing.T, err error, code string, after time.Duration) {
	t.Helper()
	var retry *participants.RetryAfter
	if !errors.As(err, &retry) || retry.Code != code || retry.After != after {
		t.Fatalf("error %v, want retry after %s: %s", err, after, code)
	}
}

func erased(t *testing.T, p *jumio.Participant, task participants.Task) participants.Result {
	t.Helper()
	res, err := p.Erase(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestErasesEachKindInEachRegionAndNothingElse(t *testing.T) {
	theirs := tx("eu", "scans", "r-1")
	theirs.Tenant = "theirs"
	v := startVendor(t, theirs,
		tx("eu", "scans", "r-1"), tx("us", "scans", "r-1"), tx("eu", "scans", "r-10"), tx("eu", "documents", "r-1"),
		tx("sgp", "documents", "d-1"), tx("us", "authentications", "a-1"), tx("eu", "authentications", "a-1"))
	ids := []string{"jumio_scan=eu:r-1", "jumio_scan=r-1", "jumio_document=SGP:d-1", "jumio_authentication=us:a-1", "user_id=u-1"}

	base, err := v.p.Count(t.Context(), task(events.Resolve, ids...))
	wantCounts(t, base, err, events.Counts{"scans": 1, "documents": 1, "authentications": 1})
	erase := task(events.Erase, ids...)
	erase.Baseline = base
	res := erased(t, v.p, erase)
	if res.Verdict != events.Erased {
		t.Errorf("verdict %s, want erased", res.Verdict)
	}
	wantCounts(t, res.Counts, nil, base)
	left, err := v.p.Count(t.Context(), erase)
	wantCounts(t, left, err, events.Counts{})
	if got := len(v.Stored()); got != 5+3 {
		t.Errorf("%d transactions left, want 5 neighbours and 3 probes", got)
	}
	for _, d := range v.Ledger() {
		if d.Effects != 1 || d.Attempts != 1 {
			t.Errorf("ledger %+v, want one effect at the first attempt", d)
		}
	}
	if again := erased(t, v.p, erase); again.Verdict != events.Absent || again.Counts.Total() != 0 {
		t.Errorf("a second erase says %+v, want absent", again)
	}
}

func TestNoReferencesMeansAbsent(t *testing.T) {
	v := startVendor(t)
	if res := erased(t, v.p, task(events.Erase, "user_id=u-1")); res.Verdict != events.Absent {
		t.Errorf("verdict %s, want absent", res.Verdict)
	}
}

func TestSuccessWithoutDeletionIsCountedAsLeft(t *testing.T) {
	v := startVendor(t, tx("eu", "scans", "r-1"), tx("eu", "scans", "r-2"))
	v.SetFaults(sandbox.Fault{Action: "DELETE", Times: 1, Lie: true})
	erase := task(events.Erase, "jumio_scan=r-1", "jumio_scan=r-2")
	erase.Baseline = events.Counts{"scans": 2}
	res := erased(t, v.p, erase)
	wantCounts(t, res.Counts, nil, events.Counts{"scans": 1})
	left, err := v.p.Count(t.Context(), erase)
	wantCounts(t, left, err, events.Counts{"scans": 1})
}

func TestA404IsAbsenceOnlyForWhatWasSeen(t *testing.T) {
	v := startVendor(t)
	blind := config(v.root)
	blind.Regions["eu"] = jumio.Region{API: sandbox.JumioAPI(v.root, "eu"), Retrieval: sandbox.JumioRetrieval(v.root, "eu")}
	p := connect(t, blind)
	cases := map[string]struct {
		verb   events.Verb
		before events.Counts
		maybe  bool
		blind  bool
	}{
		"baseline, nothing seen before":       {events.Resolve, nil, false, true},
		"baseline after a lost resolve":       {events.Resolve, nil, true, true},
		"stale baseline at a second resolve":  {events.Resolve, events.Counts{"scans": 2}, false, true},
		"erase without a baseline":            {events.Erase, nil, false, true},
		"erase of more than was counted":      {events.Erase, events.Counts{"scans": 1}, false, true},
		"erase counted as another kind":       {events.Erase, events.Counts{"documents": 2}, false, true},
		"erase of what was counted":           {events.Erase, events.Counts{"scans": 2}, false, false},
		"erase that may have been done":       {events.Erase, nil, true, false},
		"verify of what was counted":          {events.Verify, events.Counts{"scans": 2}, false, false},
		"verify after a lost verify, unknown": {events.Verify, nil, true, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tk := task(c.verb, "jumio_scan=eu:r-1", "jumio_scan=eu:r-2")
			tk.Baseline, tk.MaybeDone = c.before, c.maybe
			_, err := p.Count(t.Context(), tk)
			_, eraseErr := p.Erase(t.Context(), tk)
			if !c.blind {
				if err != nil || eraseErr != nil {
					t.Errorf("count: %v, erase: %v; want absence", err, eraseErr)
				}
				return
			}
			wantMisconfigured(t, err, "unseen_reference")
			wantMisconfigured(t, eraseErr, "unseen_reference")
		})
	}
}

func TestAProbeTellsAbsenceFromBlindness(t *testing.T) {
	v := startVendor(t)
	count := func(c jumio.Config, id string) error {
		_, err := connect(t, c).Count(t.Context(), task(events.Resolve, id))
		return err
	}
	if err := count(config(v.root), "jumio_scan=eu:r-1"); err != nil {
		t.Errorf("deleted before, and the probe is there: %v, want absence", err)
	}

	otherCustomer := config(v.root)
	otherCustomer.Token, otherCustomer.Secret = "theirs", "theirs"
	wantMisconfigured(t, count(otherCustomer, "jumio_scan=eu:r-1"), "probe_not_found")

	wrongPath := config(v.root)
	eu := wrongPath.Regions["eu"]
	eu.API += "/v9"
	wrongPath.Regions["eu"] = eu
	wantMisconfigured(t, count(wrongPath, "jumio_scan=eu:r-1"), "probe_not_found")

	if err := v.Put(tx("us", "documents", "d-1")); err != nil {
		t.Fatal(err)
	}
	wantMisconfigured(t, count(config(v.root), "jumio_document=eu:d-1"), "wrong_region")
	wantMisconfigured(t, count(config(v.root), "jumio_document=sgp:d-1"), "unseen_reference") // no probe there
}

func TestNothingIsDeletedWhileOneReferenceIsInDoubt(t *testing.T) {
	v := startVendor(t, tx("eu", "scans", "r-1"))
	for _, doubtful := range []string{"jumio_scan=us:r-9", "jumio_scan=mars:r-9", "jumio_scan=eu:../x", "jumio_scan=eu:"} {
		_, err := v.p.Erase(t.Context(), task(events.Erase, "jumio_scan=eu:r-1", doubtful))
		if _, ok := errors.AsType[*participants.Misconfigured](err); !ok {
			t.Errorf("%s: error %v, want misconfigured", doubtful, err)
		}
	}
	if len(v.Ledger()) != 0 {
		t.Error("something was deleted")
	}
}

func TestTransactionsInProgressAreWaitedForAndTheRestDeleted(t *testing.T) {
	pendingScan, pendingAuth := tx("eu", "scans", "p-1"), tx("eu", "authentications", "p-2")
	pendingScan.Pending, pendingAuth.Pending = true, true
	v := startVendor(t, pendingScan, pendingAuth, tx("eu", "scans", "r-1"))
	erase := task(events.Erase, "jumio_scan=p-1", "jumio_authentication=p-2", "jumio_scan=r-1")
	erase.Baseline = events.Counts{"scans": 2, "authentications": 1}
	res, err := v.p.Erase(t.Context(), erase)
	wantRetry(t, err, "pending", 5*time.Minute)
	wantCounts(t, res.Counts, nil, events.Counts{"scans": 1})
	left, err := v.p.Count(t.Context(), erase)
	wantCounts(t, left, err, events.Counts{"scans": 1, "authentications": 1})
}

func TestALostAnswerIsSettledByRetrieval(t *testing.T) {
	v := startVendor(t, tx("eu", "scans", "r-1"))
	v.SetFaults(sandbox.Fault{Action: "DELETE", Times: 1, Reset: true})
	res := erased(t, v.p, task(events.Erase, "jumio_scan=r-1"))
	wantCounts(t, res.Counts, nil, events.Counts{"scans": 1})
}

func TestAfterACrashBetweenEffectAndAnswerTheNextAttemptFindsNothing(t *testing.T) {
	v := startVendor(t, tx("us", "scans", "r-1"))
	v.SetFaults(sandbox.Fault{Action: "DELETE", Times: 1, Reset: true}, sandbox.Fault{Action: "GET", Skip: 1, Times: 1, Reset: true})
	if _, err := v.p.Erase(t.Context(), task(events.Erase, "jumio_scan=us:r-1")); err == nil {
		t.Fatal("an erase whose answers were all lost reports success")
	}
	second := task(events.Erase, "jumio_scan=us:r-1")
	second.MaybeDone = true
	if res := erased(t, v.p, second); res.Verdict != events.Absent {
		t.Errorf("verdict %s, want absent", res.Verdict)
	}
	if d := v.Ledger()[0]; d.Effects != 1 || d.Attempts != 1 {
		t.Errorf("ledger %+v, want one effect", d)
	}
}

func TestRefusalsOfADeletionAreVerbs(t *testing.T) {
	v := startVendor(t, tx("eu", "scans", "r-1"), tx("eu", "scans", "r-2"))
	erase := func(f sandbox.Fault) error {
		f.Action = "DELETE"
		v.SetFaults(f)
		defer v.SetFaults()
		_, err := v.p.Erase(t.Context(), task(events.Erase, "jumio_scan=r-1", "jumio_scan=r-2"))
		return err
	}
	wantRetry(t, erase(sandbox.Fault{Status: 429, RetryAfter: 7 * time.Second}), "rate_limited", 7*time.Second)
	wantRetry(t, erase(sandbox.Fault{Status: 429}), "rate_limited", 30*time.Second)
	wantRetry(t, erase(sandbox.Fault{Status: 409}), "pending", 5*time.Minute)
	wantMisconfigured(t, erase(sandbox.Fault{Status: 401}), "credentials")
	wantMisconfigured(t, erase(sandbox.Fault{Status: 403}), "credentials")
	wantMisconfigured(t, erase(sandbox.Fault{Status: 400}), "unexpected_status")
	wantMisconfigured(t, erase(sandbox.Fault{Status: 302}), "unexpected_status")

	err := erase(sandbox.Fault{Status: 500})
	var retry *participants.RetryAfter
	var fault *participants.Misconfigured
	if err == nil || errors.As(err, &retry) || errors.As(err, &fault) {
		t.Errorf("status 500: %v, want an ordinary error", err)
	}
	if len(v.Stored()) != 2+3 {
		t.Error("a refused deletion had an effect")
	}
}

func TestA404OnDeletionOfAnExistingTransactionMeansNotFinished(t *testing.T) {
	v := startVendor(t, tx("eu", "scans", "r-1"))
	v.SetFaults(sandbox.Fault{Action: "DELETE", Status: 404})
	_, err := v.p.Erase(t.Context(), task(events.Erase, "jumio_scan=r-1"))
	wantRetry(t, err, "pending", 5*time.Minute)
}

func TestARedirectIsNotFollowed(t *testing.T) {
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer away.Close()
	srv := httptest.NewServer(http.RedirectHandler(away.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	_, err := connect(t, config(srv.URL)).Count(t.Context(), task(events.Resolve, "jumio_scan=r-1"))
	wantMisconfigured(t, err, "unexpected_status")
}

func TestAnotherRealmIsRefused(t *testing.T) {
	v := startVendor(t, tx("eu", "scans", "r-1"))
	c := config(v.root)
	c.Realm = "other"
	_, err := connect(t, c).Erase(t.Context(), task(events.Erase, "jumio_scan=r-1"))
	wantMisconfigured(t, err, "wrong_realm")
}

func TestACancelledContextEndsTheWorkPromptly(t *testing.T) {
	v := startVendor(t, tx("eu", "scans", "r-1"))
	v.SetFaults(sandbox.Fault{Delay: time.Minute})
	for name, work := range works(v.p) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begun := time.Now()
		err := work(ctx, task(events.Erase, "jumio_scan=r-1"))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
			t.Errorf("%s: error %v after %s", name, err, time.Since(begun))
		}
	}
}

// works are the calls of the SDK, for tests that are about all of them.
func works(p *jumio.Participant) map[string]func(context.Context, participants.Task) error {
	return map[string]func(context.Context, participants.Task) error{
		"erase": func(ctx context.Context, t participants.Task) error { _, err := p.Erase(ctx, t); return err },
		"count": func(ctx context.Context, t participants.Task) error { _, err := p.Count(ctx, t); return err },
	}
}

func TestASlowVendorIsGivenUpAfterTheTimeout(t *testing.T) {
	v := startVendor(t, tx("eu", "scans", "r-1"))
	c := config(v.root)
	c.Timeout = 20 * time.Millisecond
	v.SetFaults(sandbox.Fault{Delay: time.Minute})
	_, err := connect(t, c).Count(t.Context(), task(events.Erase, "jumio_scan=r-1"))
	if err == nil || t.Context().Err() != nil {
		t.Errorf("error %v, want one", err)
	}
}

func TestCheckRetrievesEveryProbe(t *testing.T) {
	v := startVendor(t)
	if err := v.p.Check(t.Context()); err != nil {
		t.Error(err)
	}
	c := config(v.root)
	c.Secret = "guess"
	wantMisconfigured(t, connect(t, c).Check(t.Context()), "credentials")
}

func TestConfigFaultsAreReportedAtOnce(t *testing.T) {
	_, err := jumio.New(jumio.Config{
		UserAgent: "curl", DefaultRegion: "us", Timeout: -1,
		Regions: map[string]jumio.Region{
			"mars": {},
			"eu":   {API: "ftp://example.org", Probes: map[events.Kind]string{"images": "x"}},
		},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"user_agent", "mars", "eu.api", "token", "probes", "default_region", "timeout"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not name %s:\n%v", want, err)
		}
	}
}

func TestDefaultsAreTheVendorsHosts(t *testing.T) {
	if _, err := jumio.New(jumio.Config{UserAgent: "Example Corp App/v1.0", Token: "t", Secret: "s"}); err != nil {
		t.Error(err)
	}
}

func TestNeedsTheThreeReferenceTypes(t *testing.T) {
	v := startVendor(t)
	want := []events.IdentifierType{jumio.Scan, jumio.Authentication, jumio.Document}
	if got := v.p.Needs(); !reflect.DeepEqual(got, want) {
		t.Errorf("needs %v, want %v", got, want)
	}
}
