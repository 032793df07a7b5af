package cognito_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/cognito"
	"github.com/expunge-io/expunge/participants/participantstest"
)

// peer is a pool of its own at a cognito-local server, which nobody here wrote.
type peer struct {
	api  *cip.Client
	pool string
	p    *cognito.Participant
}

func peerURL(t *testing.T) string {
	t.Helper()
	root := os.Getenv("EXPUNGE_TEST_COGNITO_LOCAL")
	if root == "" {
		t.Skip("not covered: cognito-local (EXPUNGE_TEST_COGNITO_LOCAL is not set)")
	}
	return root
}

// whole reads an answer to its end before the SDK has it. The SDK closes the request's body
// as soon as it has the header, and over loopback that can be so early that net/http takes
// it for a failed write and closes the connection in the middle of a long answer.
type whole struct{ *http.Transport }

func (w whole) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, err
}

func startPeer(t *testing.T) peer {
	t.Helper()
	root := peerURL(t)
	direct := &http.Client{Transport: whole{&http.Transport{}}}
	t.Cleanup(direct.CloseIdleConnections)
	api := cip.New(cip.Options{
		HTTPClient: direct, Region: "local", BaseEndpoint: aws.String(root), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	// Without another attribute the server takes e-mail addresses for names.
	in := &cip.CreateUserPoolInput{PoolName: aws.String("people"), UsernameAttributes: []types.UsernameAttributeType{"phone_number"}}
	out, err := api.CreateUserPool(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	id := *out.UserPool.Id
	p := connect(t, cognito.Config{
		Region: "local", Pool: id, AccessKeyID: "local", SecretAccessKey: "local", Endpoint: root, AllowNoSignOut: true,
	})
	return peer{api, id, p}
}

func (s peer) create(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := s.api.AdminCreateUser(t.Context(), &cip.AdminCreateUserInput{UserPoolId: &s.pool, Username: &name, MessageAction: "SUPPRESS"})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// exists asks the server directly.
func (s peer) exists(t *testing.T, name string) (bool, error) {
	_, err := s.api.AdminGetUser(t.Context(), &cip.AdminGetUserInput{UserPoolId: &s.pool, Username: &name})
	if _, none := errors.AsType[*types.UserNotFoundException](err); none {
		return false, nil
	}
	return err == nil, err
}

func TestConformanceAtCognitoLocal(t *testing.T) {
	peerURL(t)
	participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
		s := startPeer(t)
		s.create(t, "user-0042", "user-00421")
		return s.p, participantstest.Fixture{
			Server:    "cognito-local",
			Name:      events.IdentityProvider,
			Subject:   task("", "cognito_username=user-0042").Identifiers,
			Neighbour: task("", "cognito_username=user-00421").Identifiers,
			Unknown:   task("", "cognito_username=user-9999").Identifiers,
			Items: func(ids []events.Identifier) (n int64, err error) {
				there, err := s.exists(t, ids[0].Value.Reveal())
				if there {
					n = 1
				}
				return n, err
			},
			State: func(ids []events.Identifier) (string, error) { return s.state(t, ids[0].Value.Reveal()) },
			Break: func() error {
				_, err := s.api.DeleteUserPool(t.Context(), &cip.DeleteUserPoolInput{UserPoolId: &s.pool})
				return err
			},
		}
	})
}

func TestCognitoLocalHasNoGlobalSignOut(t *testing.T) {
	s := startPeer(t)
	s.create(t, "kim")
	strict := connect(t, cognito.Config{
		Region: "local", Pool: s.pool, AccessKeyID: "local", SecretAccessKey: "local", Endpoint: peerURL(t),
	})
	_, err := strict.Erase(t.Context(), task(events.Erase, kim))
	wantMisconfigured(t, err, "operation_unsupported")
	res, err := s.p.Erase(t.Context(), task(events.Erase, kim))
	if err != nil || !res.RowsOnly || res.Counts["identities"] != 1 {
		t.Errorf("result %+v, error %v", res, err)
	}
}

// state is what the server says of a user, but for the time of a change.
func (s peer) state(t *testing.T, name string) (string, error) {
	out, err := s.api.AdminGetUser(t.Context(), &cip.AdminGetUserInput{UserPoolId: &s.pool, Username: &name})
	if _, none := errors.AsType[*types.UserNotFoundException](err); none {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprint(out.Enabled, out.UserStatus, len(out.UserAttributes)), nil
}
