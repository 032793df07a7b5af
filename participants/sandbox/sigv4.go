package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	signingAlgorithm = "AWS4-HMAC-SHA256"
	signingTime      = "20060102T150405Z"
	signingSkew      = 5 * time.Minute
)

// signature is an Authorization header of AWS Signature Version 4.
type signature struct {
	key, date, region, service string
	headers                    []string // signed header names, lower-case
	value                      string
}

// parseSignature reads "AWS4-HMAC-SHA256 Credential=ID/date/region/service/aws4_request,
// SignedHeaders=a;b, Signature=hex".
func parseSignature(header string) (s signature, ok bool) {
	rest, ok := strings.CutPrefix(header, signingAlgorithm+" ")
	if !ok {
		return s, false
	}
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 || scope[4] != "aws4_request" {
				return s, false
			}
			s.key, s.date, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			s.headers = strings.Split(value, ";")
		case "Signature":
			s.value = value
		}
	}
	covered := slices.Contains(s.headers, "host") && slices.Contains(s.headers, "x-amz-date") &&
		slices.Contains(s.headers, "x-amz-target")
	return s, s.key != "" && s.value != "" && covered
}

// verify recomputes the signature over the request as it arrived.
func (s signature) verify(r *http.Request, body []byte, secret string) bool {
	stamp := r.Header.Get("X-Amz-Date")
	scope := strings.Join([]string{s.date, s.region, s.service, "aws4_request"}, "/")
	text := strings.Join([]string{signingAlgorithm, stamp, scope, hexSum([]byte(s.canonical(r, body)))}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request", text} {
		key = mac(key, part)
	}
	return hmac.Equal([]byte(hex.EncodeToString(key)), []byte(s.value))
}

// fresh reports whether the request's time agrees with ours and with the scope.
func (s signature) fresh(r *http.Request, now time.Time) bool {
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(signingTime, stamp)
	return err == nil && strings.HasPrefix(stamp, s.date) && now.Sub(at).Abs() <= signingSkew
}

func (s signature) canonical(r *http.Request, body []byte) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + r.URL.EscapedPath() + "\n" + r.URL.RawQuery + "\n")
	for _, name := range s.headers {
		b.WriteString(name + ":" + strings.Join(strings.Fields(signedHeader(r, name)), " ") + "\n")
	}
	b.WriteString("\n" + strings.Join(s.headers, ";") + "\n" + hexSum(body))
	return b.String()
}

// signedHeader returns a header that net/http keeps elsewhere than in the header map.
func signedHeader(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	default:
		return strings.Join(r.Header.Values(name), ",")
	}
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
