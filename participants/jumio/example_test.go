package jumio_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/jumio"
	"github.com/expunge-io/expunge/participants/sandbox"
)

// A scan of one person is deleted in the European data centre, here a look-alike.
func Example() {
	vendor, _ := sandbox.OpenJumio(sandbox.JumioConfig{
		Accounts: []sandbox.JumioAccount{{Tenant: "acme", Token: "token", Secret: "secret"}},
		Now:      time.Now,
	})
	_ = vendor.Put(sandbox.JumioTransaction{Tenant: "acme", Region: "eu", Kind: "scans", Reference: "0d2f6a1e"})
	server := httptest.NewServer(vendor)
	defer server.Close()

	p, err := jumio.New(jumio.Config{
		UserAgent: "Acme Expunge/v1.0",
		Token:     "token",
		Secret:    "secret",
		Regions:   map[string]jumio.Region{jumio.EU: {API: sandbox.JumioAPI(server.URL, "eu")}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	task := participants.Task{Verb: events.Erase, Identifiers: []events.Identifier{{Type: jumio.Scan, Value: "eu:0d2f6a1e"}}}
	res, err := p.Erase(context.Background(), task)
	fmt.Println(res.Verdict, res.Counts["scans"], err)
	// Output: erased 1 <nil>
}
