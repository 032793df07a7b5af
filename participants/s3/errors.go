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

// refusal is the answer of a store, with the verb that it stands for. It may be about one item
// of many.
type refusal struct {
	class class
	verb  error
}

func (r *refusal) Error() string { return r.verb.Error() }

func (r *refusal) Unwrap() error { return r.verb }

// classOf returns the class of a store's answer, and unanswered if it is not the store that refused.
func classOf(err error) class {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.class
	}
	return unanswered
}

// verbOf turns an error of the SDK into a verb of ours. Nothing of its text is kept: stores
// quote keys in it. Only codes that we know are named.
func verbOf(ctx context.Context, err error) error {
	var none *noCredentials
	api, answered := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &none):
		return none.verb()
	case answered:
		status, header := answerOf(err)
		return &refusal{class: codes[api.ErrorCode()], verb: verbOfCode(api.ErrorCode(), status, header)}
	case errors.As(err, new(*smithy.DeserializationError)), errors.Is(err, errTooLong):
		return errors.New("s3: no answer that can be read")
	}
	return participants.VendorUnreached(ctx, "s3", err)
}

// verb is misconfigured where somebody refused to give credentials; otherwise whoever gives
// them may only be away.
func (n *noCredentials) verb() error {
	if api, ok := errors.AsType[smithy.APIError](n.cause); ok && slices.Contains([]class{denied, credentials}, codes[api.ErrorCode()]) {
		return misconfigured("credentials", "the credentials that were found may not be used: "+api.ErrorCode())
	}
	return errors.New("s3: no credentials can be found now")
}

func answerOf(err error) (status int, header http.Header) {
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && resp.Response != nil {
		return resp.Response.StatusCode, resp.Response.Header
	}
	return 0, nil
}

// class is what a code of a store is about.
type class int

const (
	unknown class = iota
	unanswered
	missing     // the bucket
	denied      // a right, or a lock
	credentials // the key, its secret, or the clock
	elsewhere   // region or endpoint
	throttled
	unable // the store has no such operation
	tooLong
	passing  // it passes by itself
	gone     // the item is not there
	unlocked // the item, or its bucket, has no lock
)

var codes = map[string]class{
	"NoSuchBucket": missing, "InvalidBucketName": missing,

	"AccessDenied": denied, "AllAccessDisabled": denied, "AccountProblem": denied, "Forbidden": denied, "ObjectLocked": denied, "InvalidObjectState": denied,

	"InvalidAccessKeyId": credentials, "SignatureDoesNotMatch": credentials, "ExpiredToken": credentials, "InvalidToken": credentials,
	"TokenRefreshRequired": credentials, "InvalidSecurity": credentials, "NotSignedUp": credentials, "InvalidClientTokenId": credentials,
	"UnrecognizedClientException": credentials, "RequestTimeTooSkewed": credentials, "RequestExpired": credentials,

	"AuthorizationHeaderMalformed": elsewhere, "PermanentRedirect": elsewhere, "TemporaryRedirect": elsewhere, "Redirect": elsewhere,
	"MovedPermanently": elsewhere, "BucketRegionError": elsewhere,

	"SlowDown": throttled, "Throttling": throttled, "ThrottlingException": throttled, "RequestLimitExceeded": throttled, "TooManyRequests": throttled,
	"TooManyRequestsException": throttled, "RequestThrottled": throttled, "BandwidthLimitExceeded": throttled, "ServiceUnavailable": throttled,

	"NotImplemented": unable, "MethodNotAllowed": unable,

	"KeyTooLongError": tooLong,

	"InternalError": passing, "OperationAborted": passing, "RequestTimeout": passing, "ConditionalRequestConflict": passing,

	"NoSuchUpload": gone, "NoSuchKey": gone, "NoSuchVersion": gone, "NotFound": gone,

	"NoSuchObjectLockConfiguration": unlocked, "ObjectLockConfigurationNotFoundError": unlocked, "InvalidRequest": unlocked,
}

func verbOfCode(code string, status int, header http.Header) error {
	switch codes[code] {
	case missing:
		return misconfigured("bucket_missing", "there is no such bucket")
	case denied:
		return misconfigured("no_right", "the credentials may not do this: "+code)
	case credentials:
		return misconfigured("credentials", "the store refuses the credentials, or the clock: "+code)
	case elsewhere:
		return misconfigured("wrong_region", "the bucket is in another region, or at another endpoint: "+code)
	case throttled:
		return rateLimited(header)
	case unable:
		return misconfigured("operation_unsupported", "the store does not support an operation: "+code)
	case tooLong:
		return &participants.Refuse{Code: "key_too_long"}
	case passing:
		return errors.New("s3: the store cannot do it now: " + code)
	case unknown, unanswered, gone, unlocked:
	}
	return verbOfStatus(status, header)
}

func rateLimited(header http.Header) error {
	return &participants.RetryAfter{After: participants.VendorRetry(header), Code: "rate_limited"}
}

// verbOfStatus judges a code that is not known. Within an answer there is no status.
func verbOfStatus(status int, header http.Header) error {
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return rateLimited(header)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return misconfigured("no_right", fmt.Sprintf("the store answers with status %d", status))
	case status >= 300 && status < 400:
		return misconfigured("wrong_region", fmt.Sprintf("the store sends elsewhere, with status %d", status))
	case status >= 400 && status < 500 && status != http.StatusConflict && status != http.StatusRequestTimeout:
		return misconfigured("unexpected_error", fmt.Sprintf("the store answers with status %d and a code that is not known", status))
	}
	return fmt.Errorf("s3: an error that is not known, status %d", status)
}
