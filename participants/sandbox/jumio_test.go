package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/participants/sandbox"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

func jumioConfig() sandbox.JumioConfig {
	return sandbox.JumioConfig{
		Now: atNoon,
		Accounts: []sandbox.JumioAccount{
			{Tenant: "ours", Token: "token", Secret: "secret"},
			{Tenant: "theirs", Token: "other", Secret: "other"},
		},
	}
}

func openJumio(t *testing.T, c sandbox.JumioConfig, txs ...sandbox.JumioTransaction) (*sandbox.Jumio, string) {
	t.Helper()
	j, err := sandbox.OpenJumio(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	if err := j.Put(txs...); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(j)
	t.Cleanup(srv.Close)
	return j, srv.URL
}

func scan(reference string) sandbox.JumioTransaction {
	return sandbox.JumioTransaction{Tenant: "ours", Region: "eu", Kind: "scans", Reference: reference}
}

// ask sends one request with good credentials and headers, which edit may spoil.
func ask(t *testing.T, method, url string, edit func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("token", "secret")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Example Corp SampleApp/1.0.1")
	if edit != nil {
		edit(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func wantStatus(t *testing.T, resp *http.Response, want int) {
	t.Helper()
	if resp.StatusCode != want {
		t.Fatalf("%s %s: status %d, want %d", resp.Request.Method, resp.Request.URL.Path, resp.StatusCode, want)
	}
}

func TestJumioDeletesOnceAndRetrievalThenGives404(t *testing.T) {
	j, root := openJumio(t, jumioConfig(), scan("r-1"), scan("r-2"))
	one := sandbox.JumioAPI(root, "eu") + "/api/netverify/v2/scans/r-1"
	wantStatus(t, ask(t, "GET", one, nil), 200)
	wantStatus(t, ask(t, "DELETE", one+"/", nil), 200)
	wantStatus(t, ask(t, "GET", one, nil), 404)
	wantStatus(t, ask(t, "DELETE", one, nil), 404)

	led := j.Ledger()
	want := sandbox.Deletion{Service: "jumio", Tenant: "ours", Place: "eu", Kind: "scans", Key: "r-1", At: noon, Effects: 1, Attempts: 2}
	if len(led) != 1 || led[0] != want {
		t.Errorf("ledger %+v, want %+v", led, want)
	}
	if left := j.Stored(); len(left) != 1 || left[0] != scan("r-2") {
		t.Errorf("left %+v, want r-2 alone", left)
	}
}

func TestJumioServesEachKindWhereTheVendorDoes(t *testing.T) {
	kinds := []string{"scans", "authentications", "documents"}
	var txs []sandbox.JumioTransaction
	for _, region := range []string{"us", "eu", "sgp"} {
		for _, kind := range kinds {
			txs = append(txs, sandbox.JumioTransaction{Tenant: "ours", Region: region, Kind: kind, Reference: region + kind})
		}
	}
	_, root := openJumio(t, jumioConfig(), txs...)
	for _, tx := range txs {
		api, retrieval := sandbox.JumioAPI(root, tx.Region), sandbox.JumioRetrieval(root, tx.Region)
		right, wrong := api, retrieval
		if tx.Kind == "documents" {
			right, wrong = retrieval, api
		}
		path := "/api/netverify/v2/" + tx.Kind + "/" + tx.Reference
		wantStatus(t, ask(t, "DELETE", wrong+path, nil), 404)
		wantStatus(t, ask(t, "DELETE", right+path, nil), 200)
	}
}

func TestJumioKeepsNeighboursApart(t *testing.T) {
	theirs := scan("same")
	theirs.Tenant = "theirs"
	elsewhere := scan("same")
	elsewhere.Region = "us"
	document := scan("same")
	document.Kind = "authentications"
	j, root := openJumio(t, jumioConfig(), scan("same"), theirs, elsewhere, document)
	wantStatus(t, ask(t, "DELETE", sandbox.JumioAPI(root, "eu")+"/api/netverify/v2/scans/same", nil), 200)
	if left := j.Stored(); len(left) != 3 {
		t.Errorf("%d transactions left, want the three neighbours", len(left))
	}
}

func TestJumioChecksWhatTheVendorChecks(t *testing.T) {
	_, root := openJumio(t, jumioConfig(), scan("r-1"))
	url := sandbox.JumioAPI(root, "eu") + "/api/netverify/v2/scans/"
	cases := map[string]struct {
		method, reference string
		edit              func(*http.Request)
		want              int
	}{
		"no credentials":     {"DELETE", "r-1", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"wrong secret":       {"DELETE", "r-1", func(r *http.Request) { r.SetBasicAuth("token", "other") }, 401},
		"another tenant":     {"DELETE", "r-1", func(r *http.Request) { r.SetBasicAuth("other", "other") }, 404},
		"no user agent":      {"DELETE", "r-1", func(r *http.Request) { r.Header.Set("User-Agent", "") }, 400},
		"library user agent": {"DELETE", "r-1", func(r *http.Request) { r.Header.Set("User-Agent", "Go-http-client/1.1") }, 400},
		"no accept":          {"DELETE", "r-1", func(r *http.Request) { r.Header.Del("Accept") }, 406},
		"too long":           {"DELETE", strings.Repeat("r", 37), nil, 400},
		"other method":       {"POST", "r-1", nil, 405},
		"unknown":            {"DELETE", "r-9", nil, 404},
		"still there":        {"GET", "r-1", nil, 200},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			wantStatus(t, ask(t, c.method, url+c.reference, c.edit), c.want)
		})
	}
}

func TestJumioDoesNotDeletePendingTransactions(t *testing.T) {
	pending := scan("r-1")
	pending.Pending = true
	for _, status := range []int{0, http.StatusNotFound} {
		c := jumioConfig()
		c.PendingStatus = status
		j, root := openJumio(t, c, pending)
		url := sandbox.JumioAPI(root, "eu") + "/api/netverify/v2/scans/r-1"
		want := status
		if want == 0 {
			want = http.StatusConflict
		}
		wantStatus(t, ask(t, "DELETE", url, nil), want)
		wantStatus(t, ask(t, "GET", url, nil), 200)
		if d := j.Ledger()[0]; d.Effects != 0 || d.Attempts != 1 || !d.At.IsZero() {
			t.Errorf("ledger %+v, want an attempt without effect", d)
		}
	}
}

func TestJumioFaults(t *testing.T) {
	j, root := openJumio(t, jumioConfig(), scan("r-1"), scan("r-2"))
	url := sandbox.JumioAPI(root, "eu") + "/api/netverify/v2/scans/"

	j.SetFaults(sandbox.Fault{Action: "DELETE", Times: 1, Status: 429, RetryAfter: 7 * time.Second})
	resp := ask(t, "DELETE", url+"r-1", nil)
	wantStatus(t, resp, 429)
	if got := resp.Header.Get("Retry-After"); got != "7" {
		t.Errorf("Retry-After %q, want 7", got)
	}

	j.SetFaults(sandbox.Fault{Action: "DELETE", Times: 1, Lie: true})
	wantStatus(t, ask(t, "DELETE", url+"r-1", nil), 200)
	wantStatus(t, ask(t, "GET", url+"r-1", nil), 200)
	wantStatus(t, ask(t, "DELETE", url+"r-1", nil), 200)
	wantStatus(t, ask(t, "GET", url+"r-1", nil), 404)

	j.SetFaults(sandbox.Fault{Action: "DELETE", Skip: 1, Times: 1, Reset: true})
	wantStatus(t, ask(t, "DELETE", url+"r-1", nil), 404)
	r, _ := http.NewRequestWithContext(t.Context(), "DELETE", url+"r-2", nil)
	r.SetBasicAuth("token", "secret")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Example App/v1.0")
	if resp, err := http.DefaultClient.Do(r); err == nil {
		_ = resp.Body.Close()
		t.Error("the connection was not cut")
	}
	wantStatus(t, ask(t, "GET", url+"r-2", nil), 404)
}

func TestStateAndLedgerOutliveTheProcess(t *testing.T) {
	c := jumioConfig()
	c.Journal = filepath.Join(t.TempDir(), "jumio.journal")
	j, root := openJumio(t, c, scan("r-1"), scan("r-2"))
	wantStatus(t, ask(t, "DELETE", sandbox.JumioAPI(root, "eu")+"/api/netverify/v2/scans/r-1", nil), 200)

	again, err := sandbox.OpenJumio(c) // the first one was never closed
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if len(again.Stored()) != 1 || len(again.Ledger()) != 1 || again.Ledger()[0] != j.Ledger()[0] {
		t.Errorf("stored %+v, ledger %+v after reopening", again.Stored(), again.Ledger())
	}
}

func TestConfigFaultsAreReportedAtOnce(t *testing.T) {
	_, err := sandbox.OpenJumio(sandbox.JumioConfig{Accounts: []sandbox.JumioAccount{{Tenant: "ours"}}})
	if err == nil || !strings.Contains(err.Error(), "now") || !strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v, want one that names the clock and the credentials", err)
	}
}
