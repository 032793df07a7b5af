package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/expunge-io/expunge/participants"
)

// errNoRecord is the vendor's record_not_found: it looked, and there is none.
var errNoRecord = errors.New("capture: no such profile")

// errToken is misconfigured for everybody who does not handle it.
var errToken = misconfigured("access_token", "the vendor refuses an access token, and nothing else says whose it was: bring the uuid")

// read returns the result of a success, which is one by its status and by its body.
func read(a answer) (json.RawMessage, error) {
	var doc struct {
		Stat     string          `json:"stat"`
		Result   json.RawMessage `json:"result"`
		Code     int             `json:"code"`
		Argument string          `json:"argument_name"`
	}
	readable := json.Unmarshal(a.body, &doc) == nil
	switch {
	case readable && a.status == http.StatusOK && doc.Stat == "ok":
		return doc.Result, nil
	case readable && doc.Stat == "error" && doc.Code == 310 && a.status != http.StatusOK:
		return nil, verbOfStatus(a) // not the vendor's own way to say so
	case readable && doc.Stat == "error" && doc.Code >= 100 && a.status < 500:
		return nil, verbOfCode(doc.Code, doc.Argument, a.header)
	default:
		return nil, verbOfStatus(a)
	}
}

// verbOfCode goes by the ranges that the vendor promises to keep, and by few single codes.
func verbOfCode(code int, argument string, h http.Header) error {
	number := strconv.Itoa(code)
	switch {
	case code == 310:
		return errNoRecord
	case code == 413 || code == 414:
		return errToken
	case code == 403:
		return misconfigured("permission", "the client may not do this: code 403; it needs the feature owner or direct_access")
	case code == 510:
		return throttled(h)
	case code == 480 || code >= 500: // 480: temporarily unavailable
		return fmt.Errorf("capture: code %d", code)
	case code >= 400:
		return misconfigured("credentials", "the vendor refuses the credentials: code "+number)
	case code >= 300:
		return misconfigured("record", "the vendor refuses an operation on a profile: code "+number)
	case argument == "uuid" || argument == "key_value":
		return misconfigured("identifier", "the vendor cannot read an identifier: code "+number)
	default:
		return misconfigured("argument", "the vendor refuses an argument, such as type_name or key_attribute: code "+number)
	}
}

// verbOfStatus is for answers whose body says nothing.
func verbOfStatus(a answer) error {
	switch {
	case a.status == http.StatusOK:
		return errors.New("capture: no answer that can be read")
	case a.status == http.StatusTooManyRequests:
		return throttled(a.header)
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return misconfigured("credentials", "the vendor refuses the credentials: status "+strconv.Itoa(a.status))
	case a.status >= 500 || a.status == http.StatusRequestTimeout:
		return fmt.Errorf("capture: status %d", a.status)
	default:
		return misconfigured("unexpected_status", "the vendor answers with status "+strconv.Itoa(a.status))
	}
}

func throttled(h http.Header) error {
	return &participants.RetryAfter{After: participants.VendorRetry(h), Code: "rate_limited"}
}

func misconfigured(code, hint string) error {
	return &participants.Misconfigured{Code: code, Err: fmt.Errorf("capture: %s", hint)}
}
