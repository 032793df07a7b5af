package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
)

// canary stands for whatever must not be seen.
const canary = "canary-7d1e"

// secretive returns values that hold the canary in every private field there is, alone
// and nested.
func secretive() map[string]any {
	id := events.Identifier{Type: "email", Value: canary}
	request := events.Request{
		UserID: canary, Identifiers: []events.Identifier{id}, Reason: canary,
		Scope: &events.Scope{Items: []events.Item{{Participant: "jumio", Kind: "scans", Reference: canary}}},
	}
	permit := events.Permit{Permit: "p", Identifiers: []events.Identifier{id}}
	report := events.Report{Permit: "p", Identifiers: []events.Identifier{id}, Undo: canary}
	subject := events.Subject{Realm: "app", UserID: canary}
	private := events.Private(canary)
	return map[string]any{
		"private": private, "pointer": &private, "identifier": id, "subject": subject, "subject pointer": &subject,
		"request": request, "request pointer": &request, "scope": *request.Scope, "item": request.Scope.Items[0],
		"cancel": events.Cancel{Request: "r", Reason: canary}, "permit": permit, "report": report,
		"slice": []events.Private{private}, "array": [1]events.Subject{subject},
		"map values":      map[string]events.Identifier{"a": id},
		"subject keys":    map[events.Subject]int{subject: 1},
		"identifier keys": map[events.Identifier]int{id: 1},
		"nested":          struct{ Of []map[string]*events.Request }{[]map[string]*events.Request{{"a": &request}}},
		"any":             []any{request, &permit, report, subject},
		"payload":         []events.Payload{request, permit, report},
	}
}

func TestFmtNeverShowsWhatIsPrivate(t *testing.T) {
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%o", "%b", "%c", "%U", "%T", "%t", "%e", "%10.3s", "%-20v", "%!"} // %p and %w call no method; go vet refuses them
	values := secretive()
	values["private keys"] = map[events.Private]int{canary: 1}
	for name, v := range values {
		for _, verb := range verbs {
			hidden(t, name+" "+verb, fmt.Sprintf(verb, v))
		}
		hidden(t, name+" Sprint", fmt.Sprint(v))
		hidden(t, name+" Sprintln", fmt.Sprintln("person", v))
		hidden(t, name+" error", fmt.Errorf("person %v: %w", v, events.ErrMalformed).Error())
	}
}

func TestLogsNeverShowWhatIsPrivate(t *testing.T) {
	for name, v := range secretive() {
		var text, lines bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&lines, nil)} {
			log := slog.New(h).With("with", v).WithGroup("group")
			log.Info("person", "value", v, slog.Any("any", v), slog.Group("deep", "value", v))
		}
		hidden(t, name+" text", text.String())
		hidden(t, name+" JSON", lines.String())
	}
}

func TestJSONNeverShowsWhatIsPrivate(t *testing.T) {
	for name, v := range secretive() {
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		hidden(t, name, string(b))
		if !strings.Contains(string(b), events.Redacted) {
			t.Errorf("%s: %s does not say that something is hidden", name, b)
		}
	}
}

// hidden looks for the canary as it is, in hexadecimal, and as numbers.
func hidden(t *testing.T, what, out string) {
	t.Helper()
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("% x", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]")} {
		if strings.Contains(out, form) {
			t.Errorf("%s shows the value: %s", what, out)
		}
	}
}

func TestRevealReturnsTheValue(t *testing.T) {
	if got := events.Private(canary).Reveal(); got != canary {
		t.Errorf("revealed %q", got)
	}
}

// TestNoMessageHasAPrivateKey keeps out the one thing that encoding/json writes raw.
func TestNoMessageHasAPrivateKey(t *testing.T) {
	for _, p := range events.Payloads() {
		noPrivateKey(t, reflect.TypeOf(p))
	}
}

func noPrivateKey(t *testing.T, typ reflect.Type) {
	t.Helper()
	switch typ.Kind() {
	case reflect.Map:
		if typ.Key() == reflect.TypeFor[events.Private]() {
			t.Errorf("%s is keyed by a private value", typ)
		}
		noPrivateKey(t, typ.Elem())
	case reflect.Slice, reflect.Pointer:
		noPrivateKey(t, typ.Elem())
	case reflect.Struct:
		for i := range typ.NumField() {
			if f := typ.Field(i); f.IsExported() {
				noPrivateKey(t, f.Type)
			}
		}
	}
}
