package sandbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"github.com/expunge-io/expunge/participants/sandbox"
)

const (
	ourPool   = "eu-central-1_ours"
	otherPool = "eu-central-1_other"
	theirPool = "eu-central-1_theirs"
)

func cognitoConfig() sandbox.CognitoConfig {
	return sandbox.CognitoConfig{
		Region: "eu-central-1",
		Now:    time.Now, // the SDK signs with the wall clock
		Keys:   []sandbox.AccessKey{{Account: "ours", ID: "AKIAOURS", Secret: "s3cret"}, {Account: "theirs", ID: "AKIATHEIRS", Secret: "0ther"}},
		Pools: []sandbox.UserPool{
			{Account: "ours", ID: ourPool, Aliases: []string{"email"}},
			{Account: "ours", ID: otherPool},
			{Account: "theirs", ID: theirPool},
		},
	}
}

func person(pool, name, sub string) sandbox.CognitoUser {
	return sandbox.CognitoUser{Pool: pool, Username: name, Sub: sub, Attributes: map[string]string{"email": name + "@example.org"}}
}

func openCognito(t *testing.T, c sandbox.CognitoConfig, users ...sandbox.CognitoUser) (*sandbox.Cognito, string) {
	t.Helper()
	s, err := sandbox.OpenCognito(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Put(users...); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, srv.URL
}

func awsClient(url, id, secret string) *cip.Client {
	return cip.New(cip.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(url), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
}

func getUser(t *testing.T, c *cip.Client, pool, name string) (*cip.AdminGetUserOutput, error) {
	t.Helper()
	return c.AdminGetUser(t.Context(), &cip.AdminGetUserInput{UserPoolId: &pool, Username: &name})
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Fatalf("error %v, want %s", err, code)
	}
}

func TestCognitoLifeOfAUserThroughTheRealSDK(t *testing.T) {
	kim := person(ourPool, "kim", "sub-kim")
	kim.Links = []sandbox.ProviderLink{{Provider: "Google", Subject: "g-1"}}
	s, url := openCognito(t, cognitoConfig(), kim, person(ourPool, "kima", "sub-kima"), person(otherPool, "kim", "sub-2"))
	c := awsClient(url, "AKIAOURS", "s3cret")
	pool, name := aws.String(ourPool), aws.String("kim")

	out, err := getUser(t, c, ourPool, "kim")
	if err != nil {
		t.Fatal(err)
	}
	if *out.Username != "kim" || !out.Enabled || out.UserCreateDate == nil {
		t.Errorf("user %+v", out)
	}
	if _, err := c.AdminDisableUser(t.Context(), &cip.AdminDisableUserInput{UserPoolId: pool, Username: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AdminUserGlobalSignOut(t.Context(), &cip.AdminUserGlobalSignOutInput{UserPoolId: pool, Username: name}); err != nil {
		t.Fatal(err)
	}
	link := &types.ProviderUserIdentifierType{ProviderName: aws.String("Google"), ProviderAttributeName: aws.String("Cognito_Subject"), ProviderAttributeValue: aws.String("g-1")}
	if _, err := c.AdminDisableProviderForUser(t.Context(), &cip.AdminDisableProviderForUserInput{UserPoolId: pool, User: link}); err != nil {
		t.Fatal(err)
	}
	if u := s.Stored(ourPool)[0]; !u.Disabled || u.SignedOut != 1 || len(u.Links) != 0 {
		t.Errorf("user %+v, want disabled, signed out and unlinked", u)
	}
	if _, err := c.AdminDeleteUser(t.Context(), &cip.AdminDeleteUserInput{UserPoolId: pool, Username: name}); err != nil {
		t.Fatal(err)
	}
	_, err = getUser(t, c, ourPool, "kim")
	if _, ok := errors.AsType[*types.UserNotFoundException](err); !ok {
		t.Errorf("error %v, want UserNotFoundException", err)
	}
	if len(s.Stored(ourPool)) != 1 || len(s.Stored(otherPool)) != 1 {
		t.Error("a neighbour was touched")
	}
	if led := s.Ledger(); len(led) != 2 || led[1].Key != "kim" || led[1].Effects != 1 || led[1].Place != ourPool {
		t.Errorf("ledger %+v", led)
	}
}

func TestCognitoFindsByNameSubAndAlias(t *testing.T) {
	_, url := openCognito(t, cognitoConfig(), person(ourPool, "kim", "sub-kim"), person(otherPool, "lee", "sub-lee"))
	c := awsClient(url, "AKIAOURS", "s3cret")
	for _, name := range []string{"kim", "sub-kim", "kim@example.org"} {
		if out, err := getUser(t, c, ourPool, name); err != nil || *out.Username != "kim" {
			t.Errorf("by %s: %v", name, err)
		}
	}
	_, err := getUser(t, c, otherPool, "lee@example.org") // no alias in that pool
	wantCode(t, err, "UserNotFoundException")
}

func TestCognitoRefusesAsTheVendorDoes(t *testing.T) {
	_, url := openCognito(t, cognitoConfig(), person(ourPool, "kim", "sub-kim"))
	ours := awsClient(url, "AKIAOURS", "s3cret")
	cases := map[string]struct {
		client     *cip.Client
		pool, code string
	}{
		"unknown key":       {awsClient(url, "AKIANOBODY", "s3cret"), ourPool, "UnrecognizedClientException"},
		"wrong secret":      {awsClient(url, "AKIAOURS", "guess"), ourPool, "InvalidSignatureException"},
		"no such pool":      {ours, "eu-central-1_none", "ResourceNotFoundException"},
		"another's pool":    {ours, theirPool, "ResourceNotFoundException"},
		"another's account": {awsClient(url, "AKIATHEIRS", "0ther"), ourPool, "ResourceNotFoundException"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := getUser(t, c.client, c.pool, "kim")
			wantCode(t, err, c.code)
		})
	}
}

func TestCognitoVerifiesTheBodyAndTheTime(t *testing.T) {
	c := cognitoConfig()
	c.Now = func() time.Time { return time.Now().Add(10 * time.Minute) }
	_, url := openCognito(t, c, person(ourPool, "kim", "sub-kim"))
	_, err := getUser(t, awsClient(url, "AKIAOURS", "s3cret"), ourPool, "kim")
	wantCode(t, err, "InvalidSignatureException")

	_, url = openCognito(t, cognitoConfig(), person(ourPool, "kim", "sub-kim"))
	client := awsClient(url, "AKIAOURS", "s3cret")
	_, err = client.AdminGetUser(t.Context(), &cip.AdminGetUserInput{UserPoolId: aws.String(ourPool), Username: aws.String("kim")},
		func(o *cip.Options) { o.HTTPClient = tampering{} })
	wantCode(t, err, "InvalidSignatureException")
}

// tampering replaces the signed body by another of the same length.
type tampering struct{}

func (tampering) Do(r *http.Request) (*http.Response, error) {
	body := strings.NewReader(`{"Username":"lee","UserPoolId":"` + ourPool + `"}`)
	tampered, err := http.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), body)
	if err != nil {
		return nil, err
	}
	tampered.Header = r.Header
	return http.DefaultClient.Do(tampered)
}

func TestCognitoErrorBodies(t *testing.T) {
	_, url := openCognito(t, cognitoConfig())
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", bytes.NewBufferString("{}"))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.AdminGetUser")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body map[string]string
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	const code = "MissingAuthenticationTokenException"
	if resp.StatusCode != 400 || body["__type"] != code || body["message"] == "" || resp.Header.Get("x-amzn-errortype") != code {
		t.Errorf("status %d, body %v, header %v", resp.StatusCode, body, resp.Header)
	}
}

func TestCognitoListsByFilterAndPage(t *testing.T) {
	_, url := openCognito(t, cognitoConfig(), person(ourPool, "a", "s-a"), person(ourPool, "b", "s-b"), person(ourPool, "c", "s-c"))
	c := awsClient(url, "AKIAOURS", "s3cret")
	for _, filter := range []string{`sub = "s-b"`, `username="b"`, `email = "b@example.org"`} {
		out, err := c.ListUsers(t.Context(), &cip.ListUsersInput{UserPoolId: aws.String(ourPool), Filter: &filter})
		if err != nil || len(out.Users) != 1 || *out.Users[0].Username != "b" {
			t.Errorf("filter %s: %v", filter, err)
		}
	}
	var names []string
	in := &cip.ListUsersInput{UserPoolId: aws.String(ourPool), Limit: aws.Int32(2)}
	for {
		out, err := c.ListUsers(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range out.Users {
			names = append(names, *u.Username)
		}
		if in.PaginationToken = out.PaginationToken; in.PaginationToken == nil {
			break
		}
	}
	if got := strings.Join(names, ""); got != "abc" {
		t.Errorf("listed %s, want abc", got)
	}
}

func TestCognitoFaults(t *testing.T) {
	s, url := openCognito(t, cognitoConfig(), person(ourPool, "kim", "sub-kim"))
	c := awsClient(url, "AKIAOURS", "s3cret")
	remove := func() error {
		_, err := c.AdminDeleteUser(t.Context(), &cip.AdminDeleteUserInput{UserPoolId: aws.String(ourPool), Username: aws.String("kim")})
		return err
	}
	s.SetFaults(sandbox.Fault{Action: "AdminDeleteUser", Times: 1, Status: 429})
	wantCode(t, remove(), "TooManyRequestsException")
	s.SetFaults(sandbox.Fault{Times: 1, Status: 500})
	wantCode(t, remove(), "InternalErrorException")
	s.SetFaults(sandbox.Fault{Times: 1, Lie: true})
	if err := remove(); err != nil || len(s.Stored(ourPool)) != 1 {
		t.Errorf("lie: error %v, %d users; want success and no effect", err, len(s.Stored(ourPool)))
	}
	s.SetFaults(sandbox.Fault{Times: 1, Reset: true})
	if err := remove(); err == nil || len(s.Stored(ourPool)) != 0 {
		t.Errorf("reset: error %v, %d users; want an error and the effect", err, len(s.Stored(ourPool)))
	}
	if led := s.Ledger(); led[0].Effects != 1 || led[0].Attempts != 2 {
		t.Errorf("ledger %+v", led)
	}
}

func TestCognitoStateOutlivesTheProcess(t *testing.T) {
	c := cognitoConfig()
	c.Journal = filepath.Join(t.TempDir(), "journal")
	_, url := openCognito(t, c, person(ourPool, "kim", "sub-kim"), person(ourPool, "lee", "sub-lee"))
	client := awsClient(url, "AKIAOURS", "s3cret")
	if _, err := client.AdminDeleteUser(t.Context(), &cip.AdminDeleteUserInput{UserPoolId: aws.String(ourPool), Username: aws.String("kim")}); err != nil {
		t.Fatal(err)
	}
	again, err := sandbox.OpenCognito(c)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if left := again.Stored(ourPool); len(left) != 1 || left[0].Username != "lee" || len(again.Ledger()) != 1 {
		t.Errorf("stored %+v, ledger %+v after reopening", left, again.Ledger())
	}
}

func TestInspectionEndpoints(t *testing.T) {
	s, url := openCognito(t, cognitoConfig(), person(ourPool, "kim", "sub-kim"))
	put := func(body string) int {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/sandbox/faults", strings.NewReader(body))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if got := put(`[{"lie":true,"time":1}]`); got != 400 {
		t.Errorf("a misspelt fault: status %d, want 400", got)
	}
	if got := put(`[{"action":"AdminDeleteUser","lie":true}]`); got != 204 {
		t.Errorf("status %d, want 204", got)
	}
	c := awsClient(url, "AKIAOURS", "s3cret")
	if _, err := c.AdminDeleteUser(t.Context(), &cip.AdminDeleteUserInput{UserPoolId: aws.String(ourPool), Username: aws.String("kim")}); err != nil {
		t.Fatal(err)
	}
	resp := ask(t, http.MethodGet, url+"/sandbox/ledger", nil)
	var led []sandbox.Deletion
	if err := json.NewDecoder(resp.Body).Decode(&led); err != nil || len(led) != 1 || led[0].Effects != 0 {
		t.Errorf("ledger %+v, error %v; want one attempt without effect", led, err)
	}
	wantStatus(t, ask(t, http.MethodDelete, url+"/sandbox/faults", nil), 204)
	if len(s.Stored(ourPool)) != 1 {
		t.Error("the lie had an effect")
	}
}

// TestCognitoIsChangedByHand: only who is there, and only what differs is noted.
func TestCognitoIsChangedByHand(t *testing.T) {
	disabled := person(ourPool, "ann", "sub-ann")
	disabled.Disabled = true
	s, _ := openCognito(t, cognitoConfig(), disabled)
	before := s.Stored(ourPool)[0].Changed
	edits := 0
	enable := func(u *sandbox.CognitoUser) bool {
		edits++
		was := u.Disabled
		u.Disabled = false
		return was
	}
	if err := errors.Join(s.Change(ourPool, "ann", enable), s.Change(ourPool, "bob", enable), s.Change(otherPool, "ann", enable)); err != nil {
		t.Fatal(err)
	}
	ann := s.Stored(ourPool)[0]
	if edits != 1 || ann.Disabled || !ann.Changed.After(before) {
		t.Errorf("after %d edits: %+v", edits, ann)
	}
	if err := s.Change(ourPool, "ann", enable); err != nil || s.Stored(ourPool)[0].Changed != ann.Changed {
		t.Errorf("%+v, %v", s.Stored(ourPool)[0], err)
	}
}
