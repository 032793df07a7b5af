// Package load is who asks for erasures: services as there might be, that try again when
// nobody answers, and write down exactly what they were told.
package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/torture/record"
)

// client is one source.
type client struct {
	source string
	nc     *nats.Conn
	bus    *bus.Client
	http   string // URL of the HTTP door; empty: not for this source
	book   *record.Book
}

// patience is how long a client waits for one answer.
const patience = 3 * time.Second

func newClient(source, url, seed, door string, book *record.Book) (*client, error) {
	nc, err := bus.Connect(bus.Config{URL: url, Name: "torture " + source, NKeySeedFile: seed})
	if err != nil {
		return nil, err
	}
	c := &client{source: source, nc: nc, http: door, book: book}
	if c.bus, err = bus.NewClient(nc, source); err != nil {
		return nil, err
	}
	_, err = nc.Subscribe(events.SubjectSummary(source), func(m *nats.Msg) { c.ended(m.Data) })
	return c, err
}

// ended writes down a summary, whichever way it came.
func (c *client) ended(data []byte) {
	_, s, err := events.Decode[events.Summary](nil, data)
	if err != nil {
		return
	}
	sum := sha256.Sum256(data)
	c.book.End(record.End{Saga: s.Saga, State: string(s.State), Digest: hex.EncodeToString(sum[:]), Told: time.Now()})
}

func requestOf(q record.Request) events.Request {
	return events.Request{UserID: events.Private(q.Person), Plan: q.Plan, IdempotencyKey: q.Key, CorrelationID: q.Mark}
}

// send sends a request once, and writes down what comes back.
func (c *client) send(ctx context.Context, place int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	q := c.book.At(place)
	if q.Way == record.Stored && q.Acked.IsZero() {
		if _, err := c.bus.Publish(ctx, requestOf(q), q.Key); err != nil {
			return err
		}
		c.book.Update(place, func(q *record.Request) { q.Acked = time.Now() })
		return nil
	}
	a, err := c.ask(ctx, q)
	if err != nil {
		return err
	}
	c.book.Update(place, func(q *record.Request) { took(q, a) })
	return nil
}

func (c *client) ask(ctx context.Context, q record.Request) (events.Acceptance, error) {
	if q.Way == record.Posted {
		return c.post(ctx, requestOf(q))
	}
	return c.bus.Request(ctx, requestOf(q))
}

// took compares an acceptance with what was known. The same key is the same request of the
// same saga, for good.
func took(q *record.Request, a events.Acceptance) {
	switch {
	case q.Saga == "" && !q.Acked.IsZero() && !a.Joined:
		q.Forgot = true // a stored one was acknowledged before
	case q.Saga == a.Saga && q.ID != a.Request:
		q.Forgot = true
	case q.Saga != "" && q.Saga != a.Saga:
		q.Later = append(q.Later, a.Saga)
		return
	}
	if q.Acked.IsZero() {
		q.Acked = time.Now()
	}
	q.Saga, q.ID = a.Saga, a.Request
	q.Queued = q.Queued || a.Queued
}

func (c *client) post(ctx context.Context, r events.Request) (a events.Acceptance, err error) {
	fields := map[string]string{"user_id": r.UserID.Reveal(), "idempotency_key": r.IdempotencyKey, "correlation_id": r.CorrelationID}
	if r.Plan != "" {
		fields["plan"] = r.Plan
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return a, err
	}
	answer, err := c.call(ctx, http.MethodPost, "/v1/erasures", bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	_, a, err = events.Decode[events.Acceptance](nil, answer)
	return a, err
}

func (c *client) call(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.http+path, body)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	return answer, nil
}

// insist sends a request until it is acknowledged, as often as it takes.
func (c *client) insist(ctx context.Context, place int) error {
	for {
		err := c.send(ctx, place)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if err := pause(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
}

// cancel withdraws a request once, and writes down what comes back.
func (c *client) cancel(ctx context.Context, q record.Request) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	x := record.Cancel{Request: q.ID, Saga: q.Saga, Sent: time.Now()}
	a, err := c.bus.Cancel(ctx, events.Cancel{Request: q.ID})
	var problem *bus.ProblemError
	switch {
	case err == nil:
		x.Answered, x.Result, x.Alive, x.Kept = time.Now(), string(a.Result), permits(a.Alive), a.Replicated
	case errors.As(err, &problem):
		x.Answered, x.Code = time.Now(), problem.Problem.Code
	}
	c.book.Cancel(x)
}

func permits(alive []events.AlivePermit) (out []record.Permit) {
	for _, p := range alive {
		out = append(out, record.Permit{Participant: p.Participant, Verb: record.Verb(p.Verb)})
	}
	return out
}

// look asks once where a saga stands.
func (c *client) look(ctx context.Context, saga string) (events.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asked := time.Now()
	st, err := c.bus.Status(ctx, saga)
	if err == nil {
		c.book.Sighting(record.Sighting{Saga: saga, State: string(st.State), Parked: st.Parked, Asked: asked, Answered: time.Now()})
	}
	return st, err
}

// await looks until a saga has ended, or is unknown: that it may be in a store that was put
// back, and its request is sent again.
func (c *client) await(ctx context.Context, saga string, every time.Duration) (events.Status, error) {
	for {
		st, err := c.look(ctx, saga)
		if err == nil && st.State.Final() || unknown(err) {
			return st, nil
		}
		if err := pause(ctx, every); err != nil {
			return st, fmt.Errorf("saga %s stands at %s %s: %w", saga, st.State, st.Parked, err)
		}
	}
}

func unknown(err error) bool {
	var problem *bus.ProblemError
	return errors.As(err, &problem) && problem.Problem.Code == events.CodeUnknown
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
