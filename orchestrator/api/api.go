// Package api is the HTTP door: it asks for erasures, shows where they stand, and serves
// metrics and health.
//
// It has no authentication yet, so it must only ever listen on a loopback address, and
// everything that comes in counts as sent by one configured source.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/storage"
)

// Orchestrator is what the door needs of the orchestrator.
type Orchestrator interface {
	Submit(ctx context.Context, source string, r events.Request) (events.Acceptance, error)
	Status(ctx context.Context, source, saga string) (events.Status, error)
	Summary(ctx context.Context, source, saga string) ([]byte, error)
	Ready() error
}

// Config is what the door is made of; Orchestrator, Source and Gatherer are required.
type Config struct {
	Orchestrator Orchestrator
	Source       string // in whose name requests come in
	Gatherer     prometheus.Gatherer
	Logger       *slog.Logger // nil: discard
}

// New returns the handler of every route.
func New(cfg Config) http.Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	d := &door{cfg}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/erasures", d.request)
	mux.HandleFunc("GET /v1/erasures/{id}", d.status)
	mux.HandleFunc("GET /v1/erasures/{id}/summary", d.summary)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", d.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Gatherer, promhttp.HandlerOpts{}))
	return Guard(mux)
}

// Guard keeps web pages out of what listens on loopback: a browser on this machine reaches loopback addresses for any
// page it shows. A foreign Host is a page that had its name rebound to this machine; a
// cross-site request is one that posts a form to it.
func Guard(next http.Handler) http.Handler {
	own := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r.Host) {
			http.Error(w, "this address serves localhost only", http.StatusMisdirectedRequest)
			return
		}
		own.ServeHTTP(w, r)
	})
}

func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

type door struct{ Config }

const (
	maxBody = 64 << 10 // of a request, in bytes
	maxKey  = 128      // of an idempotency key, in bytes
)

func (d *door) request(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		d.problem(w, http.StatusRequestEntityTooLarge, events.Problem{Code: events.CodeInvalid, Detail: "the body is too large"})
		return
	case err != nil:
		d.problem(w, http.StatusBadRequest, events.Problem{Code: events.CodeInvalid, Detail: "the body did not arrive whole"})
		return
	}
	_, req, err := events.Decode[events.Request](nil, body)
	if err != nil {
		d.problem(w, http.StatusBadRequest, malformed(err))
		return
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" && req.IdempotencyKey == "" {
		if len(key) > maxKey {
			d.problem(w, http.StatusBadRequest, events.Problem{Code: events.CodeInvalid, Field: "Idempotency-Key", Detail: "at most 128 bytes"})
			return
		}
		req.IdempotencyKey = key
	}
	a, err := d.Orchestrator.Submit(r.Context(), d.Source, req)
	if err != nil {
		d.fault(w, err)
		return
	}
	w.Header().Set("Location", "/v1/erasures/"+a.Saga)
	d.json(w, http.StatusAccepted, "application/json", a)
}

func malformed(err error) events.Problem {
	if f, ok := errors.AsType[*events.FieldError](err); ok {
		return events.Problem{Code: events.CodeInvalid, Field: f.Field, Detail: f.Problem}
	}
	return events.Problem{Code: events.CodeInvalid, Detail: "the body is not a request"}
}

func (d *door) status(w http.ResponseWriter, r *http.Request) {
	st, err := d.Orchestrator.Status(r.Context(), d.Source, r.PathValue("id"))
	if err != nil {
		d.fault(w, err)
		return
	}
	d.json(w, http.StatusOK, "application/json", st)
}

// summary serves the stored bytes, never a rendering of its own.
func (d *door) summary(w http.ResponseWriter, r *http.Request) {
	b, err := d.Orchestrator.Summary(r.Context(), d.Source, r.PathValue("id"))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		d.problem(w, http.StatusNotFound, events.Problem{Code: events.CodeUnknown, Detail: "the erasure is still under way"})
	case err != nil:
		d.fault(w, err)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b) //nolint:gosec // JSON of our own making, served as application/json
	}
}

func (d *door) ready(w http.ResponseWriter, _ *http.Request) {
	if err := d.Orchestrator.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}

// fault answers with what an asker may know; everything else is for the log.
func (d *door) fault(w http.ResponseWriter, err error) {
	var bad *bus.ProblemError
	if !errors.As(err, &bad) {
		d.Logger.Error("request not served", "error", err)
		d.problem(w, http.StatusServiceUnavailable, events.Problem{Code: events.CodeBusy, Detail: "it may have been recorded; ask again with the same Idempotency-Key"})
		return
	}
	d.problem(w, statusCode(bad.Problem.Code), bad.Problem)
}

func statusCode(code string) int {
	switch code {
	case events.CodeUnknown:
		return http.StatusNotFound
	case events.CodeUnsupported:
		return http.StatusUnprocessableEntity
	case events.CodeTooLate:
		return http.StatusConflict
	case events.CodeBusy:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// problem answers in the form of RFC 9457.
func (d *door) problem(w http.ResponseWriter, status int, p events.Problem) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	d.json(w, status, "application/problem+json", struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Field  string `json:"field,omitempty"`
	}{"urn:expunge:problem:" + p.Code, http.StatusText(status), status, p.Detail, p.Field})
}

func (d *door) json(w http.ResponseWriter, status int, contentType string, v any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		d.Logger.Warn("answer not sent", "error", err)
	}
}
