package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/expunge-io/expunge/participants"
)

func misconfigured(code, hint string) error {
	return &participants.Misconfigured{Code: code, Err: fmt.Errorf("s3: %s", hint)}
}

// refusal is the answer of a store, by its code, with the verb that it stands for. It may be
// about one item of many.
type refusal struct {
	code string
	verb error
}

func (r *refusal) Error() string { return r.verb.Error() }

func (r *refusal) Unwrap() error { return r.verb }

// refusedWith returns the store's code, or nothing if it is not the store that refused.
func refusedWith(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.code
	}
	return ""
}

// verbOf turns an error of the SDK into a verb of ours. Nothing of its text is kept: stores
// quote keys in it. Only codes that we know are named.
func verbOf(ctx context.Context, err error) error {
	api, answered := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case answered:
		status, header := answerOf(err)
		return &refusal{code: api.ErrorCode(), verb: verbOfCode(api.ErrorCode(), status, header)}
	case errors.As(err, new(*smithy.DeserializationError)), errors.Is(err, errTooLong):
		return errors.New("s3: no answer that can be read")
	}
	return participants.VendorUnreached(ctx, "s3", err)
}

func answerOf(err error) (status int, header http.Header) {
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && resp.Response != nil {
		return resp.Response.StatusCode, resp.Response.Header
	}
	return 0, nil
}

// The codes of Misconfigured that a deletion may try in another way.
const (
	noRight     = "no_right"
	unsupported = "operation_unsupported"
	unexpected  = "unexpected_error"
)

// passing are the codes of what passes by itself.
var passing = []string{"InternalError", "OperationAborted", "RequestTimeout", "ConditionalRequestConflict"}

func verbOfCode(code string, status int, header http.Header) error {
	switch code {
	case "NoSuchBucket", "InvalidBucketName":
		return misconfigured("bucket_missing", "there is no such bucket")
	case "AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "ObjectLocked", "InvalidObjectState":
		return misconfigured(noRight, "the credentials may not do this: "+code)
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidSecurity",
		"NotSignedUp", "InvalidClientTokenId", "UnrecognizedClientException", "RequestTimeTooSkewed", "RequestExpired":
		return misconfigured("credentials", "the store refuses the credentials, or the clock: "+code)
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "Redirect", "MovedPermanently", "BucketRegionError":
		return misconfigured("wrong_region", "the bucket is in another region, or at another endpoint: "+code)
	case "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "TooManyRequestsException", "RequestThrottled", "BandwidthLimitExceeded", "ServiceUnavailable":
		return &participants.RetryAfter{After: participants.VendorRetry(header), Code: "rate_limited"}
	case "NotImplemented", "MethodNotAllowed":
		return misconfigured(unsupported, "the store does not support an operation: "+code)
	case "KeyTooLongError":
		return &participants.Refuse{Code: "key_too_long"}
	}
	if slices.Contains(passing, code) {
		return errors.New("s3: the store cannot do it now: " + code)
	}
	return verbOfStatus(status, header)
}

// verbOfStatus judges a code that is not known. Within an answer there is no status.
func verbOfStatus(status int, header http.Header) error {
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return &participants.RetryAfter{After: participants.VendorRetry(header), Code: "rate_limited"}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return misconfigured(noRight, fmt.Sprintf("the store answers with status %d", status))
	case status >= 300 && status < 400:
		return misconfigured("wrong_region", fmt.Sprintf("the store sends elsewhere, with status %d", status))
	case status >= 400 && status < 500 && status != http.StatusConflict && status != http.StatusRequestTimeout:
		return misconfigured(unexpected, fmt.Sprintf("the store answers with status %d and a code that is not known", status))
	}
	return fmt.Errorf("s3: an error that is not known, status %d", status)
}
