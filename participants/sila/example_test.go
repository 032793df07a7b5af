package sila_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/sandbox"
	"github.com/expunge-io/expunge/participants/sila"
)

// A person's phone number is deleted, at a look-alike.
func Example() {
	vendor, _ := sandbox.OpenSila(sandbox.SilaConfig{
		Apps: []sandbox.SilaApp{{Handle: "acme_app", ClientID: "id", ClientSecret: "secret"}},
		Now:  time.Now,
	})
	_ = vendor.Put(sandbox.SilaEntity{App: "acme_app", Handle: "mia", Data: []sandbox.SilaItem{
		{Kind: "phones", UUID: "dcc7afe8-b8bd-4b59-acd0-59097427485b", Value: "5550100", Added: time.Now()},
	}})
	server := httptest.NewServer(vendor)
	defer server.Close()

	p, err := sila.New(sila.Config{API: server.URL, AppHandle: "acme_app", ClientID: "id", ClientSecret: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	task := participants.Task{Verb: events.Erase, Identifiers: []events.Identifier{{Type: sila.Handle, Value: "mia"}}}
	res, err := p.Erase(context.Background(), task)
	fmt.Println(res.Verdict, res.Counts["phones"], err)
	// Output: erased 1 <nil>
}
