package s3_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/s3"
)

// The users that .ci/with-peers makes: one who may do everything, and one who may do nothing.
const (
	accessKey, secretKey     = "expunge", "expunge-secret"
	strangerKey, strangerPwd = "stranger", "stranger-secret"
)

// store is a bucket of the test's own at versitygw, which nobody here wrote.
type store struct {
	api    *awss3.Client
	root   string
	bucket string
}

// kind of bucket.
type kind string

const (
	plain     kind = "a bucket without versions"
	versioned kind = "a bucket with versions"
	lockable  kind = "a bucket with object lock"
)

func openStore(t *testing.T, k kind) store {
	t.Helper()
	root := os.Getenv("EXPUNGE_TEST_VERSITYGW")
	if root == "" {
		t.Skip("not covered: versitygw (EXPUNGE_TEST_VERSITYGW is not set)")
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	s := store{root: root, bucket: "b-" + strings.ToLower(rand.Text())}
	s.api = awss3.New(awss3.Options{
		Region: "us-east-1", BaseEndpoint: &root, UsePathStyle: true, HTTPClient: client, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
	_, err := s.api.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &s.bucket, ObjectLockEnabledForBucket: aws.Bool(k == lockable)})
	must(t, err)
	if k == versioned {
		s.version(t, types.BucketVersioningStatusEnabled)
	}
	return s
}

func (s store) version(t *testing.T, status types.BucketVersioningStatus) {
	t.Helper()
	_, err := s.api.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{
		Bucket: &s.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: status},
	})
	must(t, err)
}

// put writes objects, and returns the version of the last.
func (s store) put(t *testing.T, keys ...string) (version string) {
	t.Helper()
	for _, key := range keys {
		out, err := s.api.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader("picture")})
		must(t, err)
		version = aws.ToString(out.VersionId)
	}
	return version
}

// hide deletes as most people do: behind a marker where there are versions.
func (s store) hide(t *testing.T, key string) {
	t.Helper()
	_, err := s.api.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	must(t, err)
}

// begin begins an upload with a part, and does not finish it.
func (s store) begin(t *testing.T, key string) {
	t.Helper()
	out, err := s.api.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &s.bucket, Key: &key})
	must(t, err)
	_, err = s.api.UploadPart(t.Context(), &awss3.UploadPartInput{
		Bucket: &s.bucket, Key: &key, UploadId: out.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("half a picture"),
	})
	must(t, err)
}

func (s store) retain(t *testing.T, key, version string, until time.Time) {
	t.Helper()
	_, err := s.api.PutObjectRetention(t.Context(), &awss3.PutObjectRetentionInput{
		Bucket: &s.bucket, Key: &key, VersionId: &version,
		Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeCompliance, RetainUntilDate: &until},
	})
	must(t, err)
}

func (s store) hold(t *testing.T, key, version string) {
	t.Helper()
	_, err := s.api.PutObjectLegalHold(t.Context(), &awss3.PutObjectLegalHoldInput{
		Bucket: &s.bucket, Key: &key, VersionId: &version, LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOn},
	})
	must(t, err)
}

// left is what the store shows, one line for each version, marker and upload, in order.
func (s store) left(ctx context.Context) (lines []string, err error) {
	versions := awss3.NewListObjectVersionsPaginator(s.api, &awss3.ListObjectVersionsInput{Bucket: &s.bucket})
	for versions.HasMorePages() {
		page, err := versions.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			lines = append(lines, *v.Key)
		}
		for _, m := range page.DeleteMarkers {
			lines = append(lines, *m.Key+" marker")
		}
	}
	uploads, err := s.api.ListMultipartUploads(ctx, &awss3.ListMultipartUploadsInput{Bucket: &s.bucket})
	if err != nil {
		return nil, err
	}
	for _, u := range uploads.Uploads {
		lines = append(lines, *u.Key+" upload")
	}
	slices.Sort(lines)
	return lines, nil
}

func (s store) wantLeft(t *testing.T, want ...string) {
	t.Helper()
	got, err := s.left(t.Context())
	must(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
}

func (s store) config(places ...s3.Place) s3.Config {
	for i := range places {
		if places[i].Kind == "" {
			places[i].Kind = "objects"
		}
		if places[i].Bucket == "" {
			places[i].Bucket = s.bucket
		}
	}
	return s3.Config{Endpoint: s.root, PathStyle: true, AccessKeyID: accessKey, SecretAccessKey: secretKey, Places: places}
}

func (s store) connect(t *testing.T, places ...s3.Place) *s3.Participant {
	t.Helper()
	return open(t, s.config(places...))
}

func open(t *testing.T, c s3.Config) *s3.Participant {
	t.Helper()
	p, err := s3.New(c)
	must(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// task brings identifiers as type=value; without a type it is a user id.
func task(verb events.Verb, ids ...string) participants.Task {
	t := participants.Task{Saga: "saga", Verb: verb, Round: 1, Attempt: 1, Realm: "main"}
	for _, id := range ids {
		typ, value, found := strings.Cut(id, "=")
		if !found {
			typ, value = "user_id", id
		}
		t.Identifiers = append(t.Identifiers, events.Identifier{Type: events.IdentifierType(typ), Value: events.Private(value)})
	}
	return t
}

// wantErased counts, erases and counts again.
func wantErased(t *testing.T, p *s3.Participant, want int64, ids ...string) {
	t.Helper()
	counted, err := p.Count(t.Context(), task(events.Resolve, ids...))
	if err != nil || counted.Total() != want {
		t.Fatalf("counted %v, %v; want %d", counted, err, want)
	}
	res, err := p.Erase(t.Context(), task(events.Erase, ids...))
	verdict := events.Erased
	if want == 0 {
		verdict = events.Absent
	}
	if err != nil || res.Counts.Total() != want || res.Verdict != verdict {
		t.Fatalf("erase: %s %v, %v; want %s of %d", res.Verdict, res.Counts, err, verdict, want)
	}
	wantCount(t, p, 0, ids...)
}

func wantCount(t *testing.T, p *s3.Participant, want int64, ids ...string) {
	t.Helper()
	if left, err := p.Count(t.Context(), task(events.Verify, ids...)); err != nil || left.Total() != want {
		t.Errorf("counted %v, %v; want %d", left, err, want)
	}
}

func wantMisconfigured(t *testing.T, err error, code string) {
	t.Helper()
	var fault *participants.Misconfigured
	if !errors.As(err, &fault) || fault.Code != code {
		t.Errorf("got %v; want misconfigured: %s", err, code)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var photos = s3.Place{Prefix: "users/${user_id}/"}

func photo(id string, n int) string { return fmt.Sprintf("users/%s/%d.jpg", id, n) }
