package s3_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/s3"
)

// The pictures of one person are deleted, with all versions, from a bucket in which everybody has a
// folder; here in a fake.
func Example() {
	store := &fake{}
	store.put("users/1/a.jpg", "users/1/a.jpg", "users/10/a.jpg")
	server := httptest.NewServer(store)
	defer server.Close()

	p, err := s3.New(s3.Config{
		Endpoint: server.URL, PathStyle: true, // neither for Amazon S3, but a region
		AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret",
		Places: []s3.Place{{Kind: "pictures", Bucket: "bucket", Prefix: "users/${user_id}/"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	task := participants.Task{Verb: events.Erase, Identifiers: []events.Identifier{{Type: events.UserID, Value: "1"}}}
	res, err := p.Erase(context.Background(), task)
	fmt.Println(res.Verdict, res.Counts["pictures"], err, store.keys())
	// Output: erased 2 <nil> [users/10/a.jpg]
}
