package sila

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/expunge-io/expunge/participants"
)

const maxBody = 1 << 20 // bytes of an answer that are read

// The operations, below /0.2/.
const (
	getEntity        = "get_entity"
	checkHandle      = "check_handle"
	checkKYC         = "check_kyc"
	getVerifications = "get_verifications"
	authToken        = "auth_token"
)

// request is a body. Its header is filled in when it is sent.
type request struct {
	Header  header `json:"header"`
	Message string `json:"message,omitempty"`
	UUID    string `json:"uuid,omitempty"`
	Session string `json:"session_identifier,omitempty"`
}

type header struct {
	Created    int64  `json:"created"` // seconds
	AppHandle  string `json:"app_handle"`
	UserHandle string `json:"user_handle,omitempty"`
	Reference  string `json:"reference"` // another one each time: a path is not signed, and this is what tells bodies apart
	Version    string `json:"version"`
}

// answer is what the vendor said to one request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// said reports what the body says of success; known is false for a body that is not one of
// the vendor's.
func (a answer) said() (success, known bool) {
	var doc struct {
		Success *bool  `json:"success"`
		Status  string `json:"status"`
	}
	if json.Unmarshal(a.body, &doc) != nil || doc.Success == nil {
		return false, false
	}
	return *doc.Success, true
}

// call makes one request about an account. A token that is refused is renewed once.
func (p *Participant) call(ctx context.Context, operation string, acc account, r request) (answer, error) {
	body, err := p.fill(acc.handle, r)
	if err != nil {
		return answer{}, err
	}
	if p.appKey != nil {
		return p.post(ctx, operation, body, p.signatures(acc, body))
	}
	token, err := p.bearer(ctx, "")
	if err != nil {
		return answer{}, err
	}
	a, err := p.post(ctx, operation, body, bearing(token))
	if err != nil || a.status != http.StatusUnauthorized {
		return a, err
	}
	if token, err = p.bearer(ctx, token); err != nil {
		return answer{}, err
	}
	if body, err = p.fill(acc.handle, r); err != nil {
		return answer{}, err
	}
	return p.post(ctx, operation, body, bearing(token))
}

// fill returns the bytes to send, and to sign.
func (p *Participant) fill(handle string, r request) ([]byte, error) {
	r.Header = header{
		Created: p.config.Now().Unix(), AppHandle: p.config.AppHandle, UserHandle: handle,
		Reference: uuid.NewString(), Version: "0.2",
	}
	body, err := json.Marshal(r)
	if err != nil {
		return nil, errors.New("sila: a request cannot be written")
	}
	return body, nil
}

func (p *Participant) signatures(acc account, body []byte) http.Header {
	h := http.Header{}
	h.Set("authsignature", p.appKey.sign(body))
	if acc.key != nil {
		h.Set("usersignature", acc.key.sign(body))
	}
	return h
}

func bearing(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}}
}

// post sends exactly these bytes.
func (p *Participant) post(ctx context.Context, operation string, body []byte, h http.Header) (answer, error) {
	limited, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	target := strings.TrimSuffix(p.config.API, "/") + "/0.2/" + operation
	req, err := http.NewRequestWithContext(limited, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, misconfigured("base_url", "the base URL makes no request")
	}
	req.Header = h
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := p.http.Do(req)
	if err != nil {
		return answer{}, participants.VendorUnreached(ctx, "sila", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return answer{}, participants.VendorUnreached(ctx, "sila", err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: text}, nil
}

// verdictOf returns the error that a status stands for, and nil for 200, whose body
// decides.
func verdictOf(a answer) error {
	switch {
	case a.status == http.StatusOK:
		return nil
	case a.status == http.StatusBadRequest:
		return misconfigured("bad_request", "the vendor refuses the form of a request: status 400")
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return misconfigured("credentials", "the vendor refuses the credentials or a signature: status "+strconv.Itoa(a.status))
	case a.status == http.StatusTooManyRequests:
		return &participants.RetryAfter{After: participants.VendorRetry(a.header), Code: "rate_limited"}
	case a.status >= 500 || a.status == http.StatusRequestTimeout:
		return fmt.Errorf("sila: status %d", a.status)
	default:
		return misconfigured("unexpected_status", "the vendor answers with status "+strconv.Itoa(a.status))
	}
}

var errStrange = errors.New("sila: an answer that is not the vendor's, or about something else")
