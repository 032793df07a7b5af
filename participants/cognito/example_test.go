package cognito_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/cognito"
	"github.com/expunge-io/expunge/participants/sandbox"
)

// One identity is deleted from a user pool, here a look-alike.
func Example() {
	const pool = "eu-central-1_Example"
	vendor, _ := sandbox.OpenCognito(sandbox.CognitoConfig{
		Region: "eu-central-1",
		Keys:   []sandbox.AccessKey{{Account: "acme", ID: "AKIAEXAMPLE", Secret: "secret"}},
		Pools:  []sandbox.UserPool{{Account: "acme", ID: pool}},
		Now:    time.Now,
	})
	_ = vendor.Put(sandbox.CognitoUser{Pool: pool, Username: "kim", Sub: "5f3c"})
	server := httptest.NewServer(vendor)
	defer server.Close()

	p, err := cognito.New(cognito.Config{
		Region: "eu-central-1", Pool: pool, Endpoint: server.URL,
		AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	task := participants.Task{Verb: events.Erase, Identifiers: []events.Identifier{{Type: cognito.Username, Value: "kim"}}}
	res, err := p.Erase(context.Background(), task)
	fmt.Println(res.Verdict, res.Counts["identities"], err)
	// Output: erased 1 <nil>
}
