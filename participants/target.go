package participants

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// TargetConfig is the configuration of a [Target].
type TargetConfig struct {
	Name     string        // for logs
	Rate     float64       // requests in a second, on average; 0: any number
	Burst    int           // requests at once after a pause; default 1
	Patience time.Duration // how long a request may wait for its turn; default 10 s
	Failures int           // in a row, after which it is left alone; default 5
	Rest     time.Duration // how long it is left alone before one request tries it; default 10 s
	Logger   *slog.Logger  // default: none
}

// Target is a system that several participants of a process ask: a vendor's account, with the
// quota of that account. Whoever asks waits for a turn, the person whose erasure is due first
// goes first; a target that does not answer is left alone for a while. Who cannot be let in is
// told by a *[RetryAfter], before anything was sent. It is safe for concurrent use.
type Target struct {
	config  TargetConfig
	turns   *turns
	breaker circuitbreaker.CircuitBreaker[any]
}

// The codes of a [RetryAfter] by a target.
const (
	codeTargetBusy = "target_busy" // no turn in time: the rate, or the vendor's own limit
	codeTargetDown = "target_down" // it failed too often
)

// NewTarget returns a target, or an error that names everything that is wrong with c.
func NewTarget(c TargetConfig) (*Target, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	c.Burst = cmp.Or(c.Burst, 1)
	c.Patience = cmp.Or(c.Patience, 10*time.Second)
	c.Failures = cmp.Or(c.Failures, 5)
	c.Rest = cmp.Or(c.Rest, 10*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler)).With("target", c.Name)
	t := &Target{config: c, turns: &turns{}}
	if c.Rate > 0 {
		t.turns.every = time.Duration(float64(time.Second) / c.Rate)
		t.turns.burst = t.turns.every * time.Duration(c.Burst-1)
	}
	t.breaker = circuitbreaker.NewBuilder[any]().WithFailureThreshold(uint(c.Failures)).
		WithSuccessThreshold(1).WithDelay(c.Rest).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			c.Logger.Warn("a target is let in differently", "was", e.OldState.String(), "is", e.NewState.String())
		}).Build()
	return t, nil
}

func (c TargetConfig) validate() error {
	var errs []error
	if c.Rate < 0 || c.Rate > 1e6 || c.Rate > 0 && c.Rate < 1e-4 {
		errs = append(errs, errors.New("rate: want requests in a second, from 0.0001 to 1000000, or 0 for no limit"))
	}
	if c.Burst < 0 || c.Burst > 1e6 {
		errs = append(errs, errors.New("burst: want 1 to 1000000"))
	}
	if c.Rate == 0 && c.Burst > 1 {
		errs = append(errs, errors.New("burst: is of no use without a rate"))
	}
	if c.Rate > 0 && float64(c.Burst)/c.Rate > 24*time.Hour.Seconds() {
		errs = append(errs, errors.New("burst: more than the rate allows in a day"))
	}
	if c.Failures < 0 || c.Failures > 1e4 {
		errs = append(errs, errors.New("failures: want 1 to 10000"))
	}
	if c.Patience < 0 || c.Rest < 0 {
		errs = append(errs, errors.New("patience, rest: must not be negative"))
	}
	return errors.Join(errs...)
}

// Turn waits until a request may be made. done must be called once, with what came of it: nil
// when the target answered, whatever it said. The error is that of ctx, or a *[RetryAfter].
func (t *Target) Turn(ctx context.Context) (done func(error), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t.breaker.IsOpen() && t.breaker.RemainingDelay() > 0 {
		return nil, t.down()
	}
	if !t.turns.wait(ctx, dueOf(ctx), t.config.Patience) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, &RetryAfter{After: max(t.turns.left(), shortestRetry), Code: codeTargetBusy}
	}
	if !t.breaker.TryAcquirePermit() {
		return nil, t.down()
	}
	return t.done, nil
}

func (t *Target) down() error {
	return &RetryAfter{After: max(t.breaker.RemainingDelay(), shortestRetry), Code: codeTargetDown}
}

// done takes a request that its caller gave up for no sign of the target's, but for one that was
// to show whether it is back: nobody knows.
func (t *Target) done(err error) {
	switch {
	case err == nil:
		t.breaker.RecordSuccess()
	case !errors.Is(err, context.Canceled) || !t.breaker.IsClosed():
		t.breaker.RecordFailure()
	}
}

// Pause lets nobody ask for as long as the target said.
func (t *Target) Pause(d time.Duration) { t.turns.pause(time.Now().Add(d)) }

// Client returns a client whose requests wait for their turns. An answer with status 429, or one
// by which AWS throttles, pauses the target for all; a status of 500 and more is a failure. A nil
// target's client is nil; a nil trust is the system's.
func (t *Target) Client(trust *tls.Config) *http.Client {
	if t == nil {
		return nil
	}
	var base http.RoundTripper = http.DefaultTransport
	if d, ok := http.DefaultTransport.(*http.Transport); ok {
		own := d.Clone()
		if trust != nil {
			own.TLSClientConfig = trust.Clone()
		}
		base = own
	}
	return &http.Client{Transport: &paced{t, base}}
}

// paced has requests wait for their turns.
type paced struct {
	target *Target
	base   http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (p *paced) RoundTrip(r *http.Request) (*http.Response, error) {
	done, err := p.target.Turn(r.Context())
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	resp, err := p.base.RoundTrip(r)
	switch {
	case err != nil && errors.Is(r.Context().Err(), context.Canceled):
		done(context.Canceled)
	case err != nil:
		done(err)
	case resp.StatusCode >= 500:
		done(errStatus)
	default:
		if throttles(resp) {
			p.target.Pause(pauseOf(resp.Header))
		}
		done(nil)
	}
	return resp, err
}

// CloseIdleConnections is what [http.Client] calls.
func (p *paced) CloseIdleConnections() {
	if c, ok := p.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

var errStatus = errors.New("a status of 500 or more")

// throttles reports whether an answer says that it was asked too often. AWS says so with status
// 400 and its own header.
func throttles(resp *http.Response) bool {
	kind := resp.Header.Get("X-Amzn-Errortype")
	return resp.StatusCode == http.StatusTooManyRequests ||
		resp.StatusCode == http.StatusBadRequest && (strings.HasPrefix(kind, "TooManyRequests") || strings.HasPrefix(kind, "Throttling"))
}

// pauseOf is what the answer asks for, or the shortest pause: everybody waits for it.
func pauseOf(h http.Header) time.Duration {
	if h.Get("Retry-After") == "" {
		return shortestRetry
	}
	return VendorRetry(h)
}

type dueKey struct{}

// withDue has a context say by when what is done under it is due.
func withDue(ctx context.Context, due time.Time) context.Context {
	if due.IsZero() {
		return ctx
	}
	return context.WithValue(ctx, dueKey{}, due)
}

func dueOf(ctx context.Context) time.Time {
	due, _ := ctx.Value(dueKey{}).(time.Time)
	return due
}
