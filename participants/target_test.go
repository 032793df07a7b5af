package participants_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
)

func target(t *testing.T, c participants.TargetConfig) *participants.Target {
	t.Helper()
	target, err := participants.NewTarget(c)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// wantRefused checks that nobody is let in.
func wantRefused(t *testing.T, err error, code string, after time.Duration) {
	t.Helper()
	var retry *participants.RetryAfter
	if !errors.As(err, &retry) || retry.Code != code || retry.After != after {
		t.Errorf("error %v, want retry after %s: %s", err, after, code)
	}
}

// try asks once and says what came of it.
func try(t *testing.T, target *participants.Target, outcome error) error {
	t.Helper()
	done, err := target.Turn(t.Context())
	if err == nil {
		done(outcome)
	}
	return err
}

func TestATargetThatFailsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := target(t, participants.TargetConfig{Failures: 3, Rest: time.Minute})
		bad := errors.New("bad")
		for _, outcome := range []error{bad, bad, nil, bad, bad, context.Canceled, bad} { // three in a row at the end
			if err := try(t, v, outcome); err != nil {
				t.Fatal(err)
			}
		}
		wantRefused(t, try(t, v, nil), "target_down", time.Minute)
		time.Sleep(59 * time.Second)
		wantRefused(t, try(t, v, nil), "target_down", time.Second)
		time.Sleep(time.Second)

		done, err := v.Turn(t.Context()) // one may try
		if err != nil {
			t.Fatal(err)
		}
		wantRefused(t, try(t, v, nil), "target_down", time.Second)
		done(context.Canceled) // and learned nothing
		wantRefused(t, try(t, v, nil), "target_down", time.Minute)
		time.Sleep(time.Minute)
		for range 3 {
			if err := try(t, v, nil); err != nil {
				t.Errorf("a target that is back: %v", err)
			}
		}
	})
}

func TestATurnEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := target(t, participants.TargetConfig{Rate: 0.5})
		if err := try(t, v, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := v.Turn(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the context", err)
		}
		if _, err := v.Turn(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v of a context that had ended, want its own", err)
		}
	})
}

func TestTheRateIsSharedByAllWhoAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := target(t, participants.TargetConfig{Rate: 10, Burst: 5, Patience: time.Hour})
		began := time.Now()
		var all sync.WaitGroup
		for range 105 {
			all.Go(func() {
				if err := try(t, v, nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("105 requests at 10 a second after a burst of 5 took %s", took)
		}
	})
}

// vendor answers as it is told.
func vendor(t *testing.T, answer http.HandlerFunc) (url string) {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	return srv.URL
}

func get(t *testing.T, c *http.Client, url string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return participants.VendorUnreached(t.Context(), "vendor", err)
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func TestAnAnswerThatThrottlesPausesTheTargetForAll(t *testing.T) {
	for name, throttle := range map[string]http.HandlerFunc{
		"429": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "40")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"AWS": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "40")
			w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException:")
			w.WriteHeader(http.StatusBadRequest)
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := target(t, participants.TargetConfig{})
			c := v.Client(nil)
			defer c.CloseIdleConnections()
			if err := get(t, c, vendor(t, throttle)); err != nil {
				t.Fatal(err)
			}
			err := get(t, c, vendor(t, func(http.ResponseWriter, *http.Request) { t.Error("asked in the pause") }))
			var retry *participants.RetryAfter
			if !errors.As(err, &retry) || retry.Code != "target_busy" || retry.After < 30*time.Second || retry.After > 40*time.Second {
				t.Errorf("error %v, want to come back in about 40 s", err)
			}
		})
	}
}

func TestStatusesAndBrokenConnectionsAreFailuresOfATarget(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"503":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"reset": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			v := target(t, participants.TargetConfig{Failures: 2, Rest: time.Hour})
			c := v.Client(nil)
			defer c.CloseIdleConnections()
			url := vendor(t, answer)
			get(t, c, url)
			get(t, c, url)
			var retry *participants.RetryAfter
			if err := get(t, c, url); !errors.As(err, &retry) || retry.Code != "target_down" {
				t.Errorf("error %v, want that the target is left alone", err)
			}
		})
	}
}

func TestARefusalIsNoFailureOfATarget(t *testing.T) {
	v := target(t, participants.TargetConfig{Failures: 1})
	c := v.Client(nil)
	defer c.CloseIdleConnections()
	for _, status := range []int{200, 302, 400, 401, 403, 404, 409} {
		url := vendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		if err := get(t, participants.VendorClient(c), url); err != nil {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

// asker is a participant that asks a target.
type asker struct {
	target *participants.Target
	went   chan string
}

func (a asker) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	done, err := a.target.Turn(ctx)
	if err != nil {
		return participants.Result{}, err
	}
	a.went <- t.Saga
	done(nil)
	return participants.Result{Verdict: events.Absent}, nil
}

func TestWhoseErasureIsDueFirstGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		o := participantstest.NewOrchestrator("profiles", person()...)
		o.OnClaim = func(c events.Claim) events.Payload {
			p := o.Permit(c)
			due := map[string]time.Time{"s-1": now.Add(30 * 24 * time.Hour), "s-2": now.Add(3 * time.Hour), "s-3": now.Add(24 * time.Hour)}[c.Saga]
			p.Due = &due
			return p
		}
		a := asker{target(t, participants.TargetConfig{Rate: 1}), make(chan string, 3)}
		if err := try(t, a.target, nil); err != nil {
			t.Fatal(err)
		}
		worker, err := participants.NewWorker(participants.Config{Name: "profiles", Participant: a, Bus: o})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var running sync.WaitGroup
		running.Go(func() {
			if err := worker.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		for _, saga := range []string{"s-1", "s-2", "s-3"} {
			o.Ring(o.Command(saga, events.Erase))
			synctest.Wait()
		}
		if first, second, third := <-a.went, <-a.went, <-a.went; first != "s-2" || second != "s-3" || third != "s-1" {
			t.Errorf("went %s, %s, %s; want the one that is due first, first", first, second, third)
		}
		cancel()
		running.Wait()
	})
}

func TestATargetsConfigFaultsAreAllReported(t *testing.T) {
	_, err := participants.NewTarget(participants.TargetConfig{Rate: -1, Burst: -1, Failures: -1, Patience: -1})
	for _, want := range []string{"rate:", "burst:", "failures:", "patience, rest:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %s", err, want)
		}
	}
	for _, c := range []participants.TargetConfig{{Burst: 2}, {Rate: 0.001, Burst: 1000}, {Rate: 1e-9}} {
		if _, err := participants.NewTarget(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
