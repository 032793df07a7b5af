package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const maxBody = 16 << 20 // bytes of an answer that are read; a page of listing has some 4 MiB at most

var errTooLong = errors.New("s3: the answer is too long")

// whole reads an answer to its end before the SDK has it. The SDK closes the request's body as
// soon as it has the header, which net/http may take for a failed write, and then closes the
// connection in the middle of a long answer.
type whole struct{ *http.Client }

func (w whole) Do(r *http.Request) (*http.Response, error) {
	resp, err := w.Client.Do(r) //nolint:gosec // the endpoint is the operator's
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	_ = resp.Body.Close() // it was only read
	if len(body) > maxBody {
		err = errTooLong
	}
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// ask makes one request within the timeout, and turns its error into a verb.
func ask[In, Out any](ctx context.Context, p *Participant, call func(context.Context, In, ...func(*s3.Options)) (Out, error), in In) (Out, error) {
	limited, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	out, err := call(limited, in)
	return out, verbOf(ctx, err)
}

// named is a provider of credentials whose failures can be told from those of the store.
type named struct{ aws.CredentialsProvider }

func (n named) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := n.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return c, &noCredentials{err}
	}
	return c, nil
}

// noCredentials hides what the provider says: it may quote what it was answered.
type noCredentials struct{ cause error }

func (n *noCredentials) Error() string { return "s3: no credentials" }
