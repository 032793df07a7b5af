package capture_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/capture"
	"github.com/expunge-io/expunge/participants/sandbox"
)

// The profile of one person is deleted at the vendor, here a look-alike.
func Example() {
	const uuid = "0d2f6a1e-5b1c-4d0e-9a63-1f6c2a7b8c9d"
	vendor, _ := sandbox.OpenCapture(sandbox.CaptureConfig{
		Clients: []sandbox.CaptureClient{{App: "acme", ID: "id", Secret: "secret", Feature: "direct_access"}},
		Types:   []string{"user"},
		Now:     time.Now,
	})
	_ = vendor.Put(sandbox.CaptureProfile{App: "acme", Type: "user", UUID: uuid})
	server := httptest.NewServer(vendor)
	defer server.Close()

	p, err := capture.New(capture.Config{URL: server.URL, ClientID: "id", ClientSecret: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	task := participants.Task{Verb: events.Erase, Identifiers: []events.Identifier{{Type: capture.UUID, Value: uuid}}}
	res, err := p.Erase(context.Background(), task)
	fmt.Println(res.Verdict, res.Counts["identities"], err)
	// Output: erased 1 <nil>
}
