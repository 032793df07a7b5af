package events_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
)

// FuzzDecode holds three promises against any input: no panic, the same message after
// another round, and errors without a value of the input.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Type, v.Header["ce-id"], v.Header["content-type"], []byte(v.Data))
		f.Add(v.Type, v.Header["ce-subject"], "application/cloudevents+json", structured(v))
		f.Add("", "", "", []byte(v.Data))
	}
	f.Add(events.TypeOf(events.Request{}), `"a\"b"`, "application/json", []byte(`{"user_id":"\ud83d\ude00","scope":{"items":[{"participant":"a","kind":"b","reference":"c","d":null}]}}`))
	f.Add(events.TypeOf(events.Report{}), "%20", "", []byte(`{"counts":{"a":1e400,"a":2},"remaining":-0,"until":"0000-01-01T00:00:00+23:59"}`))
	f.Add("x", "%C0%A0", "application/json; charset=latin1", []byte("[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]"))
	f.Fuzz(func(t *testing.T, ceType, id, contentType string, data []byte) {
		h := headerOf(ceType, id, contentType)
		env, p, err := events.DecodeAny(h, data)
		if err == nil {
			stable(t, env, p)
		} else {
			judgeError(t, err)
		}
		plainly(t, data)
		withCanary(t, data)
	})
}

func headerOf(ceType, id, contentType string) events.Header {
	h := events.Header{"Nats-Msg-Id": {"1", "2"}}
	if ceType != "" {
		h["ce-specversion"], h["ce-source"], h["ce-type"], h["Ce-Id"] = []string{"1.0"}, []string{"/s"}, []string{ceType}, []string{id}
	}
	if contentType != "" {
		h["Content-Type"] = []string{contentType}
	}
	return h
}

func structured(v vector) []byte {
	return []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"` + v.Type + `","data":` + v.Data + `}`)
}

// stable takes what was decoded around once more: nothing may change.
func stable(t *testing.T, env events.Envelope, p events.Payload) {
	t.Helper()
	m, err := events.Encode(env, p)
	if err != nil {
		t.Fatalf("what was decoded cannot be encoded: %v", err)
	}
	env2, p2, err := events.DecodeAny(m.Header, m.Data)
	if err != nil {
		t.Fatalf("what was encoded cannot be decoded: %v", err)
	}
	m2, err := events.Encode(env2, p2)
	if err != nil || env != env2 || !reflect.DeepEqual(m, m2) {
		t.Fatalf("changed on the way, %v:\n%v %s\n%v %s", err, m.Header, m.Data, m2.Header, m2.Data)
	}
}

func judgeError(t *testing.T, err error) {
	t.Helper()
	malformed, unknown := errors.Is(err, events.ErrMalformed), errors.Is(err, events.ErrUnknownType)
	if malformed == unknown {
		t.Fatalf("malformed %v, unknown type %v: %v", malformed, unknown, err)
	}
	var fe *events.FieldError
	if malformed && !errors.As(err, &fe) {
		t.Fatalf("malformed without a FieldError: %v", err)
	}
}

// plainly reads the data as plain JSON, which is how people try first.
func plainly(t *testing.T, data []byte) {
	t.Helper()
	env, r, err := events.Decode[events.Request](nil, data)
	switch {
	case err != nil:
		judgeError(t, err)
	case env.ID == "" && env != (events.Envelope{Type: events.TypeOf(r)}):
		t.Fatalf("plain JSON has the envelope %+v", env)
	default:
		env.ID, env.Source = "1", "/s"
		stable(t, env, r)
	}
}

// withCanary puts a value that appears nowhere else into every string of the data, then
// into every key as well, and decodes the results as every type.
func withCanary(t *testing.T, data []byte) {
	t.Helper()
	var tree any
	if json.Unmarshal(data, &tree) != nil {
		tree = string(data)
	}
	for _, key := range []string{"", canary} {
		marked, err := json.Marshal(mark(tree, key))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range events.Payloads() {
			leaksNothing(t, events.TypeOf(p), marked)
		}
		if _, _, err := events.Decode[events.Request](nil, marked); err != nil && strings.Contains(err.Error(), canary) {
			t.Fatalf("the error shows a value: %v", err)
		}
	}
}

func mark(node any, key string) any {
	switch n := node.(type) {
	case string:
		return n + canary
	case []any:
		out := make([]any, len(n))
		for i, v := range n {
			out[i] = mark(v, key)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, v := range n {
			out[k+key] = mark(v, key)
		}
		return out
	}
	return node
}

func leaksNothing(t *testing.T, ceType string, data []byte) {
	t.Helper()
	twice := headerOf(ceType, canary, "")
	twice["ce-"+canary] = []string{canary, canary}
	for _, h := range []events.Header{twice, headerOf(ceType, canary, ""), headerOf(ceType, canary+"%", canary), headerOf(canary, canary, ""), headerOf("", "", canary)} {
		if _, _, err := events.DecodeAny(h, data); err != nil && strings.Contains(err.Error(), canary) {
			t.Fatalf("the error shows a value: %v", err)
		}
	}
}
