package cognito

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/expunge-io/expunge/participants"
)

// errNoUser is the vendor's UserNotFoundException.
var errNoUser = errors.New("cognito: no such user")

// errNoOperation is the answer of a service that does not know an operation. It is
// misconfigured for everybody who does not handle it.
var errNoOperation = misconfigured("operation_unsupported", "the service does not support an operation")

// verbOf turns an error of the SDK into a verb of ours. Nothing of its text is kept: the
// vendor quotes parameters in it. Only codes that we know are named.
func (p *Participant) verbOf(ctx context.Context, err error) error {
	var api smithy.APIError
	var retry *participants.RetryAfter
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &retry): // of a target that let nobody in
		return retry
	case errors.As(err, &api):
		return p.verbOfCode(api.ErrorCode(), status(err))
	default:
		return transportError(err)
	}
}

func (p *Participant) verbOfCode(code string, status int) error {
	switch code {
	case "UserNotFoundException":
		return errNoUser
	case "ResourceNotFoundException":
		return misconfigured("pool_missing", "there is no such user pool for these credentials in this region")
	case "TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded", "LimitExceededException":
		return p.throttled()
	case "NotAuthorizedException", "AccessDeniedException", "ForbiddenException", "UnauthorizedException",
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
		"MissingAuthenticationTokenException", "MissingAuthenticationToken", "IncompleteSignature",
		"IncompleteSignatureException", "ExpiredTokenException", "OptInRequired":
		return misconfigured("credentials", "the vendor refuses the credentials: "+code)
	case "InvalidParameterException", "InvalidUserPoolConfigurationException":
		return misconfigured("invalid_parameter", "the vendor refuses a parameter: "+code)
	case "UnknownOperationException", "CognitoLocal#Unsupported", "Unsupported":
		return errNoOperation
	}
	return p.verbOfStatus(status)
}

func (p *Participant) verbOfStatus(status int) error {
	switch {
	case status == http.StatusTooManyRequests:
		return p.throttled()
	case status >= 500 || status == 0 || status == http.StatusConflict || status == http.StatusRequestTimeout:
		return fmt.Errorf("cognito: status %d", status)
	default:
		return misconfigured("unexpected_error", fmt.Sprintf("the vendor answers with status %d and a code that is not known", status))
	}
}

func status(err error) int {
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return resp.HTTPStatusCode()
	}
	return 0
}

func transportError(err error) error {
	var certificate *tls.CertificateVerificationError
	var network net.Error
	switch {
	case errors.As(err, &certificate):
		return misconfigured("tls_certificate", "the host's certificate is not trusted")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return errors.New("cognito: no answer in time")
	default:
		return errors.New("cognito: no answer that can be read")
	}
}

func (p *Participant) throttled() error {
	return &participants.RetryAfter{After: p.config.RetryDelay, Code: "rate_limited"}
}

func misconfigured(code, hint string) error {
	return &participants.Misconfigured{Code: code, Err: fmt.Errorf("cognito: %s", hint)}
}
