package events_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
)

func envelope() events.Envelope {
	return events.Envelope{
		ID: "e-1", Source: "/sources/billing", Subject: "0197-saga",
		Time: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Log: 7,
	}
}

func TestEncodeWritesBinaryMode(t *testing.T) {
	m, err := events.Encode(envelope(), events.Cancel{Request: "r-1", Reason: "changed <my> mind"})
	if err != nil {
		t.Fatal(err)
	}
	want := events.Header{
		"ce-specversion": {"1.0"}, "ce-id": {"e-1"}, "ce-source": {"/sources/billing"},
		"ce-type": {"io.expunge.erasure.cancel.v1"}, "ce-time": {"2026-01-31T12:00:00Z"},
		"ce-subject": {"0197-saga"}, "ce-expungelog": {"7"}, "content-type": {"application/json"},
	}
	if !reflect.DeepEqual(m.Header, want) {
		t.Errorf("header %v, want %v", m.Header, want)
	}
	if got := string(m.Data); got != `{"request":"r-1","reason":"changed <my> mind"}` {
		t.Errorf("data %s", got)
	}
}

func TestHeaderValuesArePercentEncoded(t *testing.T) {
	env := envelope()
	env.Subject = `Euro € 100% "so"`
	m, err := events.Encode(env, events.StatusQuery{Saga: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Header["ce-subject"][0], "Euro%20%E2%82%AC%20100%25%20%22so%22"; got != want {
		t.Errorf("ce-subject %q, want %q", got, want)
	}
	back, _, err := events.Decode[events.StatusQuery](m.Header, m.Data)
	if err != nil || back.Subject != env.Subject {
		t.Errorf("subject %q, %v", back.Subject, err)
	}
}

func TestDecodeReadsEveryMode(t *testing.T) {
	const data = `{"user_id":"u-0042"}`
	attrs := `"specversion":"1.0","id":"e-1","source":"/s","type":"io.expunge.erasure.requested.v1"`
	ce := events.Header{
		"Ce-Specversion": {"1.0"}, "CE-ID": {"e-1"}, "ce-source": {"/s"},
		"ce-type": {"io.expunge.erasure.requested.v1"}, "Content-Type": {"application/json; charset=UTF-8"},
	}
	structured := events.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}
	for name, c := range map[string]struct {
		header events.Header
		data   string
		id     string
	}{
		"binary":                    {ce, data, "e-1"},
		"structured":                {structured, "{" + attrs + `,"data":` + data + "}", "e-1"},
		"structured base64":         {structured, "{" + attrs + `,"data_base64":"eyJ1c2VyX2lkIjoidS0wMDQyIn0="}`, "e-1"},
		"structured without header": {nil, "{" + attrs + `,"data":` + data + "}", "e-1"},
		"plain":                     {nil, data, ""},
		"plain with other headers":  {events.Header{"Nats-Msg-Id": {"1", "2"}}, data, ""},
	} {
		t.Run(name, func(t *testing.T) {
			env, r, err := events.Decode[events.Request](c.header, []byte(c.data))
			if err != nil {
				t.Fatal(err)
			}
			if r.UserID.Reveal() != "u-0042" || env.ID != c.id || env.Type != events.TypeOf(r) {
				t.Errorf("envelope %+v, user %q", env, r.UserID.Reveal())
			}
		})
	}
}

// TestDecodeRefuses lists requests that must not be accepted, each with the field at fault.
func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"unknown field":         {`{"user_id":"u","scop":{}}`, "unknown field"},
		"unknown field deep":    {`{"user_id":"u","scope":{"items":[{"participant":"jumio","kind":"k","reference":"r","x":1}]}}`, "scope.items[0]: has an unknown field"},
		"other case":            {`{"USER_ID":"u"}`, "unknown field"},
		"null scope":            {`{"user_id":"u","scope":null}`, "scope: must not be null or empty"},
		"empty scope":           {`{"user_id":"u","scope":{}}`, "scope: must name"},
		"twice":                 {`{"user_id":"u","user_id":"v"}`, "given twice"},
		"twice in a scope":      {`{"user_id":"u","scope":{"participants":["a"],"participants":["b"]}}`, "given twice"},
		"twice by escape":       {`{"user_id":"u","user\u005fid":"v"}`, "given twice"},
		"trailing":              {`{"user_id":"u"}{}`, "not one JSON document"},
		"broken UTF-8":          {"{\"user_id\":\"\xff\"}", "UTF-8"},
		"lone surrogate":        {`{"user_id":"\ud800"}`, "surrogate"},
		"swapped surrogates":    {`{"user_id":"\udc00\ud800"}`, "surrogate"},
		"nothing":               {"", "no data"},
		"an array":              {"[]", "must be an object"},
		"null":                  {"null", "must be an object"},
		"a bomb":                {strings.Repeat("[", 1<<19) + strings.Repeat("]", 1<<19), "not one JSON document"},
		"deep":                  {strings.Repeat("[", 17) + strings.Repeat("]", 17), "deeper"},
		"too long":              {`{"user_id":"` + strings.Repeat("a", 1<<20) + `"}`, "longer than"},
		"nobody":                {`{}`, "user_id: exactly one"},
		"user and identifiers":  {`{"user_id":"u","identifiers":[{"type":"email","value":"a@example.com"}]}`, "user_id: exactly one"},
		"NUL":                   {`{"user_id":"a\u0000"}`, "user_id: must not hold NUL"},
		"identifier type":       {`{"identifiers":[{"type":"E-Mail","value":"a@example.com"}]}`, "identifiers[0].type: must match"},
		"correlation id":        {`{"user_id":"u","correlation_id":"a b"}`, "correlation_id: must match"},
		"long correlation id":   {`{"user_id":"u","correlation_id":"` + strings.Repeat("a", 65) + `"}`, "correlation_id: must match"},
		"key":                   {`{"user_id":"u","idempotency_key":"a\n"}`, "idempotency_key: "},
		"time":                  {`{"user_id":"u","not_before":"tomorrow"}`, "not_before: must be a time"},
		"kind of another":       {`{"user_id":"u","scope":{"items":[{"participant":"api-keys","kind":"images","reference":"r"}]}}`, "scope.items[0].kind"},
		"type of a field":       {`{"user_id":42}`, "user_id: must be a string"},
		"both faults are named": {`{"user_id":"","plan":"a b"}`, "plan: must match"},
		"an empty string":       {`{"user_id":"u","plan":""}`, "plan: must not be null or empty"},
		"no identifiers":        {`{"identifiers":[]}`, "identifiers: must not be empty"},
		"both ways":             {`{"user_id":"u","identifiers":[]}`, "user_id: exactly one"},
	} {
		t.Run(name, func(t *testing.T) {
			_, r, err := events.Decode[events.Request](nil, []byte(c.data))
			if !errors.Is(err, events.ErrMalformed) {
				t.Fatalf("error %v, want ErrMalformed", err)
			}
			var fe *events.FieldError
			if !errors.As(err, &fe) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want a FieldError with %q", err, c.want)
			}
			if !reflect.DeepEqual(r, events.Request{}) {
				t.Error("a refused message was returned")
			}
		})
	}
}

func TestHeaderFaultsAreNamed(t *testing.T) {
	good := func() events.Header {
		m, err := events.Encode(envelope(), events.Request{UserID: "u-0042"})
		if err != nil {
			t.Fatal(err)
		}
		return m.Header
	}
	for name, c := range map[string]struct {
		change func(events.Header)
		want   string
	}{
		"two values":       {func(h events.Header) { h["ce-id"] = []string{"a", "b"} }, "ce-id: is given more than once"},
		"two cases":        {func(h events.Header) { h["Ce-Id"] = []string{"a"} }, "ce-id: is given more than once"},
		"two of unknown":   {func(h events.Header) { h["ce-canary"] = []string{"a", "b"} }, "ce-*: is given more than once"},
		"two contents":     {func(h events.Header) { h["Content-Type"] = []string{"text/plain"} }, "content-type: is given more than once"},
		"no id":            {func(h events.Header) { delete(h, "ce-id") }, "ce-id: is missing"},
		"no type":          {func(h events.Header) { delete(h, "ce-type") }, "ce-type: is missing"},
		"old version":      {func(h events.Header) { h["ce-specversion"] = []string{"0.3"} }, "ce-specversion: must be 1.0"},
		"half an escape":   {func(h events.Header) { h["ce-id"] = []string{"100%"} }, "ce-id: is not percent-encoded"},
		"overlong escape":  {func(h events.Header) { h["ce-id"] = []string{"%C0%A0"} }, "ce-id: is not percent-encoded"},
		"open quote":       {func(h events.Header) { h["ce-id"] = []string{`"a`} }, "ce-id: is not percent-encoded"},
		"line feed":        {func(h events.Header) { h["ce-id"] = []string{"a%0A"} }, "ce-id: must not hold control"},
		"time":             {func(h events.Header) { h["ce-time"] = []string{"now"} }, "ce-time: must be a time"},
		"negative log":     {func(h events.Header) { h["ce-expungelog"] = []string{"-1"} }, "ce-expungelog: must be digits"},
		"another encoding": {func(h events.Header) { h["content-type"] = []string{"application/json; charset=latin1"} }, "content-type: must be"},
		"another content":  {func(h events.Header) { h["content-type"] = []string{"text/plain"} }, "content-type: must be"},
		"a batch":          {func(h events.Header) { h["content-type"] = []string{"application/cloudevents-batch+json"} }, "content-type: must be"},
	} {
		t.Run(name, func(t *testing.T) {
			h := good()
			c.change(h)
			_, _, err := events.Decode[events.Request](h, []byte(`{"user_id":"u-0042"}`))
			if !errors.Is(err, events.ErrMalformed) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want ErrMalformed with %q", err, c.want)
			}
		})
	}
}
