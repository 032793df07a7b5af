package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

const cognitoTarget = "AWSCognitoIdentityProviderService."

// awsError is an error of the JSON 1.1 protocol.
type awsError struct {
	status  int
	code    string
	message string
}

var (
	errUserNotFound = &awsError{400, "UserNotFoundException", "User does not exist."}
	errRate         = &awsError{400, "TooManyRequestsException", "Rate exceeded"}
	errInternal     = &awsError{500, "InternalErrorException", "Internal error"}
	errParameter    = &awsError{400, "InvalidParameterException", "A parameter is not valid"}
	errNoAuth       = &awsError{400, "MissingAuthenticationTokenException", "Missing Authentication Token"}
	errUnknownKey   = &awsError{400, "UnrecognizedClientException", "The security token included in the request is invalid."}
	errBadSignature = &awsError{400, "InvalidSignatureException", "The request signature we calculated does not match the signature you provided."}
	errUnknownOp    = &awsError{400, "UnknownOperationException", "Unknown operation"}
)

func poolNotFound(id string) *awsError {
	return &awsError{400, "ResourceNotFoundException", "User pool " + id + " does not exist."}
}

// ServeHTTP speaks the JSON 1.1 protocol of the vendor.
func (s *Cognito) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/sandbox/") {
		s.inspect.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return
	}
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), cognitoTarget)
	if !ok || r.Method != http.MethodPost || r.URL.Path != "/" {
		writeAWS(w, nil, errUnknownOp)
		return
	}
	fault := s.faults.take(operation)
	if !fault.wait(r) {
		return
	}
	account, fail := s.authenticate(r, body)
	switch {
	case fail != nil:
	case fault.Unsupported:
		fail = errUnknownOp
	case fault.Status != 0:
		fail = faultError(fault.Status)
	}
	if fail != nil {
		writeAWS(w, nil, fail)
		return
	}
	out, fail := s.call(operation, call{account: account, lie: fault.Lie}, body)
	if fault.Reset {
		cut()
	}
	writeAWS(w, out, fail)
}

func faultError(status int) *awsError {
	switch {
	case status == http.StatusTooManyRequests:
		return errRate
	case status >= 500:
		return &awsError{status, errInternal.code, errInternal.message}
	default:
		return &awsError{status, "InvalidParameterException", "refused by a fault switch"}
	}
}

// authenticate checks the signature, and returns the account of its access key.
func (s *Cognito) authenticate(r *http.Request, body []byte) (string, *awsError) {
	sig, ok := parseSignature(r.Header.Get("Authorization"))
	if !ok {
		return "", errNoAuth
	}
	for _, key := range s.config.Keys {
		if key.ID != sig.key {
			continue
		}
		scoped := sig.region == s.config.Region && sig.service == "cognito-idp"
		if !scoped || !sig.fresh(r, s.config.Now()) || !sig.verify(r, body, key.Secret) {
			return "", errBadSignature
		}
		return key.Account, nil
	}
	return "", errUnknownKey
}

func writeAWS(w http.ResponseWriter, out any, fail *awsError) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if fail == nil {
		answer(w, http.StatusOK, out)
		return
	}
	w.Header().Set("X-Amzn-Errortype", fail.code)
	answer(w, fail.status, map[string]string{"__type": fail.code, "message": fail.message})
}

// input is the union of the parameters of all served operations.
type input struct {
	UserPoolID      string  `json:"UserPoolId"`
	Username        string  `json:"Username"`
	Filter          string  `json:"Filter"`
	Limit           *int    `json:"Limit"`
	PaginationToken *string `json:"PaginationToken"`
	User            *struct {
		ProviderName           string
		ProviderAttributeName  string
		ProviderAttributeValue string
	} `json:"User"`
}

// call is one admitted request.
type call struct {
	account string
	lie     bool // answer success, and do nothing
	pool    UserPool
	in      input
}

func (s *Cognito) call(operation string, c call, body []byte) (any, *awsError) {
	handle, ok := cognitoOperations[operation]
	if !ok {
		return nil, errUnknownOp
	}
	if err := json.Unmarshal(body, &c.in); err != nil || c.in.UserPoolID == "" {
		return nil, errParameter
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.config.Pools {
		if p.ID == c.in.UserPoolID && p.Account == c.account {
			c.pool = p
			return handle(s, c)
		}
	}
	return nil, poolNotFound(c.in.UserPoolID)
}
