package participants

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// VendorClient returns a copy of base, or of the default client if that is nil, that shows
// redirects instead of following them: a deletion must reach the host that was configured, or
// nobody.
func VendorClient(base *http.Client) *http.Client {
	c := http.Client{}
	if base != nil {
		c = *base
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		c.Transport = t.Clone()
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// VendorUnreached says what kind of thing kept an answer of a vendor away, and nothing of the
// error's text: that quotes the URL, and sometimes what the other side sent. It is ctx's own
// error if that has ended, [Misconfigured] for a certificate that is not trusted, and the
// [RetryAfter] of a [Target] that let nobody in.
func VendorUnreached(ctx context.Context, vendor string, err error) error {
	var certificate *tls.CertificateVerificationError
	var network net.Error
	var retry *RetryAfter
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &retry):
		return retry
	case errors.As(err, &certificate):
		return &Misconfigured{Code: "tls_certificate", Err: fmt.Errorf("%s: the host's certificate is not trusted", vendor)}
	case errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("%s: no answer in time", vendor)
	default:
		return fmt.Errorf("%s: the connection failed", vendor)
	}
}

// VendorRefused reports whether a request had certainly no effect: the vendor, or a [Target], let
// nobody in. After any other error what was asked for may be done.
func VendorRefused(err error) bool {
	var retry *RetryAfter
	var fault *Misconfigured
	return errors.As(err, &retry) || errors.As(err, &fault)
}

// VendorURL returns what is wrong with the base URL of an API: credentials, and what they open,
// go there over TLS, or not over a wire at all.
func VendorURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(text, "?#") {
		return errors.New("want a base URL without user, query and fragment")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return errors.New("want https, but for a host on loopback")
	}
	return nil
}

const (
	shortestRetry = time.Second
	defaultRetry  = 30 * time.Second
	longestRetry  = time.Hour
)

// VendorRetry reads the header Retry-After in both of its forms (RFC 9110, 10.2.3), as one second
// to one hour; 30 seconds without it. A date is measured against the sender's own clock, so that
// ours does not matter.
func VendorRetry(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return min(max(time.Duration(seconds)*time.Second, shortestRetry), longestRetry)
	}
	until, err := http.ParseTime(value)
	sent, sentErr := http.ParseTime(h.Get("Date"))
	if err != nil || sentErr != nil {
		return defaultRetry
	}
	return min(max(until.Sub(sent), shortestRetry), longestRetry)
}
