package events_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/expunge-io/expunge/events"
)

// ref is a reference to another part of the document, or to a file.
type ref struct {
	Ref string `yaml:"$ref"`
}

// contract is as much of an AsyncAPI 3.0 document as ours uses.
type contract struct {
	AsyncAPI   string                `yaml:"asyncapi"`
	Channels   map[string]apiChannel `yaml:"channels"`
	Operations map[string]struct {
		Action   string `yaml:"action"`
		Channel  ref    `yaml:"channel"`
		Messages []ref  `yaml:"messages"`
		Reply    *struct {
			Channel  ref   `yaml:"channel"`
			Messages []ref `yaml:"messages"`
		} `yaml:"reply"`
	} `yaml:"operations"`
	Components struct {
		Parameters map[string]struct {
			Enum []string `yaml:"enum"`
		} `yaml:"parameters"`
		Messages map[string]apiMessage `yaml:"messages"`
	} `yaml:"components"`
}

type apiChannel struct {
	Address    string         `yaml:"address"` // empty: the reply subject of the question
	Parameters map[string]ref `yaml:"parameters"`
	Messages   map[string]ref `yaml:"messages"`
}

type apiMessage struct {
	Name     string         `yaml:"name"` // the ce-type; empty: no message of ours
	Title    string         `yaml:"title"`
	Headers  map[string]any `yaml:"headers"`
	Payload  map[string]any `yaml:"payload"`
	Examples []struct {
		Name    string            `yaml:"name"`
		Headers map[string]string `yaml:"headers"`
		Payload any               `yaml:"payload"`
	} `yaml:"examples"`
}

func asyncAPI(t *testing.T) (contract, any) {
	t.Helper()
	b, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c contract
	var tree any
	if err := yaml.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &tree); err != nil {
		t.Fatal(err)
	}
	if c.AsyncAPI != "3.0.0" {
		t.Errorf("asyncapi %q", c.AsyncAPI)
	}
	return c, tree
}

// addresses are the subjects of the contract, by the function that makes them.
var addresses = map[string]string{
	"SubjectRequested": events.SubjectRequested("{source}"),
	"SubjectRequest":   events.SubjectRequest("{source}"),
	"SubjectCancel":    events.SubjectCancel("{source}"),
	"SubjectStatus":    events.SubjectStatus("{source}"),
	"SubjectCommand":   events.SubjectCommand("{participant}"),
	"SubjectDeliver":   events.SubjectDeliver("{participant}"),
	"SubjectClaim":     events.SubjectClaim("{participant}", "{partition}"),
	"SubjectReport":    events.SubjectReport("{participant}", "{partition}"),
	"SubjectHello":     events.SubjectHello("{participant}"),
	"SubjectEvent":     events.SubjectEvent("{kind}", "{source}"),
	"SubjectSummary":   events.SubjectSummary("{source}"),
	"SubjectDecision":  events.SubjectDecision(),
	"SubjectOperate":   events.SubjectOperate(),
}

// acknowledge is the one address that is the bus's own.
const acknowledge = "$JS.ACK." + events.StreamCommands + ".{participant}.{delivery}"

func TestAsyncAPIHasAChannelForEverySubject(t *testing.T) {
	c, _ := asyncAPI(t)
	want := append(slices.Collect(maps.Values(addresses)), acknowledge, "")
	var have []string
	for _, ch := range c.Channels {
		have = append(have, ch.Address)
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("channels:\n%q\nsubjects:\n%q", have, want)
	}
	if got := subjectFunctions(t); !slices.Equal(got, slices.Sorted(maps.Keys(addresses))) {
		t.Errorf("this test knows %v, and there are %v", slices.Sorted(maps.Keys(addresses)), got)
	}
}

func subjectFunctions(t *testing.T) (names []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "subjects.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Subject") {
			names = append(names, fn.Name.Name)
		}
	}
	slices.Sort(names)
	return names
}

var parameter = regexp.MustCompile(`\{([a-z]+)\}`)

func TestAsyncAPIChannelsHaveTheParametersOfTheirAddress(t *testing.T) {
	c, _ := asyncAPI(t)
	for name, ch := range c.Channels {
		var want []string
		for _, m := range parameter.FindAllStringSubmatch(ch.Address, -1) {
			want = append(want, m[1])
		}
		slices.Sort(want)
		if have := slices.Sorted(maps.Keys(ch.Parameters)); !slices.Equal(have, want) {
			t.Errorf("%s has the parameters %v, its address %v", name, have, want)
		}
	}
	for _, kind := range c.Components.Parameters["kind"].Enum {
		e := events.Event{Saga: "s", Kind: events.EventKind(kind), State: events.Erasing, At: at(0), Due: due}
		if _, err := events.Encode(events.Envelope{ID: "1", Source: "/s"}, e); err != nil {
			t.Errorf("kind %s: %v", kind, err)
		}
	}
}

// messageOf returns the component that a reference to a message leads to in the end.
func (c contract) messageOf(t *testing.T, r ref) (string, apiMessage) {
	t.Helper()
	parts := strings.Split(r.Ref, "/")
	if len(parts) == 5 && parts[1] == "channels" {
		r = c.Channels[parts[2]].Messages[parts[4]]
		parts = strings.Split(r.Ref, "/")
	}
	m, ok := c.Components.Messages[parts[len(parts)-1]]
	if !ok || !strings.HasPrefix(r.Ref, "#/components/messages/") {
		t.Errorf("%q leads to no message", r.Ref)
	}
	return parts[len(parts)-1], m
}

func TestAsyncAPIHasAMessageForEveryPayload(t *testing.T) {
	c, _ := asyncAPI(t)
	byType := map[string]apiMessage{}
	for _, m := range c.Components.Messages {
		byType[m.Name] = m
	}
	for _, p := range events.Payloads() {
		typ := events.TypeOf(p)
		m, ok := byType[typ]
		if !ok {
			t.Errorf("no message %s", typ)
			continue
		}
		file := "./schemas/" + strings.TrimPrefix(typ, "io.expunge.erasure.") + ".json"
		if m.Payload["$ref"] != file || m.Title != reflect.TypeOf(p).Name() {
			t.Errorf("%s is titled %s and has the payload %v", typ, m.Title, m.Payload)
		}
		if !strings.Contains(mustJSON(t, m.Headers), `"ce-type":{"const":"`+typ+`"}`) {
			t.Errorf("%s has the headers %v", typ, m.Headers)
		}
		delete(byType, typ)
	}
	delete(byType, "") // the acknowledgement
	if len(byType) != 0 {
		t.Errorf("messages without a payload type: %v", slices.Sorted(maps.Keys(byType)))
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAsyncAPIOperationsUseEveryMessage checks that each operation stays within the
// messages of its channel and that no channel and no message is left without an operation.
func TestAsyncAPIOperationsUseEveryMessage(t *testing.T) {
	c, _ := asyncAPI(t)
	channels, messages := map[string]bool{}, map[string]bool{}
	use := func(name string, ch ref, refs []ref) {
		channel, ok := strings.CutPrefix(ch.Ref, "#/channels/")
		if !ok || len(refs) == 0 {
			t.Errorf("%s has the channel %q and %d messages", name, ch.Ref, len(refs))
		}
		channels[channel] = true
		for _, r := range refs {
			if !strings.HasPrefix(r.Ref, ch.Ref+"/messages/") {
				t.Errorf("%s uses %s, which is not of its channel", name, r.Ref)
			}
			key, _ := c.messageOf(t, r)
			messages[key] = true
		}
	}
	for name, op := range c.Operations {
		if op.Action != "send" && op.Action != "receive" {
			t.Errorf("%s: action %q", name, op.Action)
		}
		use(name, op.Channel, op.Messages)
		if op.Reply != nil {
			use(name+" reply", op.Reply.Channel, op.Reply.Messages)
		}
	}
	if have, want := slices.Sorted(maps.Keys(channels)), slices.Sorted(maps.Keys(c.Channels)); !slices.Equal(have, want) {
		t.Errorf("operations use the channels %v of %v", have, want)
	}
	if have, want := slices.Sorted(maps.Keys(messages)), slices.Sorted(maps.Keys(c.Components.Messages)); !slices.Equal(have, want) {
		t.Errorf("operations use the messages %v of %v", have, want)
	}
}

// TestAsyncAPIExamplesAreGoldenVectors holds each example against the vector of its name,
// and the vector against the headers that the message declares.
func TestAsyncAPIExamplesAreGoldenVectors(t *testing.T) {
	c, tree := asyncAPI(t)
	all := vectors(t)
	for name, m := range c.Components.Messages {
		if len(m.Examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		if m.Name == "" {
			continue
		}
		headers := headerSchema(t, tree, name)
		for _, e := range m.Examples {
			v, ok := all[e.Name]
			if !ok || v.Type != m.Name || !maps.Equal(v.Header, e.Headers) {
				t.Errorf("%s: the example %s is not the vector: %v", name, e.Name, e.Headers)
			}
			sameJSON(t, e.Name, mustJSON(t, e.Payload), v.Data)
			if err := judge(t, payloadOf(t, m.Name))([]byte(mustJSON(t, e.Payload))); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
		}
		for vectorName, v := range all {
			if v.Type == m.Name && headers.Validate(anyMap(v.Header)) != nil {
				t.Errorf("%s: %v", vectorName, headers.Validate(anyMap(v.Header)))
			}
		}
	}
}

func anyMap(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func sameJSON(t *testing.T, name, a, b string) {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil || !reflect.DeepEqual(x, y) {
		t.Errorf("%s: the example is\n%s\nthe vector is\n%s", name, a, b)
	}
}

// headerSchema compiles the header schema of a message where it stands, so that its
// references into the document are followed.
func headerSchema(t *testing.T, tree any, message string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(mustJSON(t, tree))))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("urn:asyncapi", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:asyncapi#/components/messages/" + message + "/headers")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGoldenVectorsGoWhereAsyncAPISays checks the subject and the type of every vector.
func TestGoldenVectorsGoWhereAsyncAPISays(t *testing.T) {
	c, _ := asyncAPI(t)
	for name, v := range vectors(t) {
		ch := c.channelOf(t, name, v.Subject)
		carries := false
		for _, r := range ch.Messages {
			_, m := c.messageOf(t, r)
			carries = carries || m.Name == v.Type
		}
		if !carries {
			t.Errorf("%s: the channel %q does not carry %s", name, ch.Address, v.Type)
		}
		if v.Reply != "" && c.channelOf(t, name, v.Reply).Address != acknowledge {
			t.Errorf("%s: reply subject %s", name, v.Reply)
		}
	}
}

func (c contract) channelOf(t *testing.T, name, subject string) (found apiChannel) {
	t.Helper()
	n := 0
	for _, ch := range c.Channels {
		if addressPattern(ch.Address).MatchString(subject) {
			found = ch
			n++
		}
	}
	if n != 1 {
		t.Errorf("%s: %d channels for the subject %q", name, n, subject)
	}
	return found
}

// addressPattern matches the subjects of an address; partition and delivery may be of
// several tokens, and a source is never called _.
func addressPattern(address string) *regexp.Regexp {
	p := regexp.QuoteMeta(address)
	for _, m := range parameter.FindAllStringSubmatch(address, -1) {
		tokens := `[a-z0-9-]+`
		if m[1] == "partition" || m[1] == "delivery" {
			tokens = `[^.]+(\.[^.]+)*`
		}
		p = strings.Replace(p, regexp.QuoteMeta(m[0]), tokens, 1)
	}
	return regexp.MustCompile("^" + p + "$")
}

// TestAsyncAPIReferencesLeadSomewhere follows every reference of the document.
func TestAsyncAPIReferencesLeadSomewhere(t *testing.T) {
	_, tree := asyncAPI(t)
	n := 0
	walkRefs(tree, func(target string) {
		n++
		if pointer, ok := strings.CutPrefix(target, "#/"); ok {
			if !exists(tree, strings.Split(pointer, "/")) {
				t.Errorf("%s leads nowhere", target)
			}
			return
		}
		if _, err := os.Stat(filepath.FromSlash(target)); err != nil {
			t.Error(err)
		}
	})
	if n < 50 {
		t.Errorf("only %d references found", n)
	}
}

func walkRefs(node any, f func(string)) {
	switch n := node.(type) {
	case map[string]any:
		if target, ok := n["$ref"].(string); ok {
			f(target)
		}
		for _, v := range n {
			walkRefs(v, f)
		}
	case []any:
		for _, v := range n {
			walkRefs(v, f)
		}
	}
}

func exists(node any, path []string) bool {
	for _, step := range path {
		m, ok := node.(map[string]any)
		if !ok {
			return false
		}
		if node, ok = m[step]; !ok {
			return false
		}
	}
	return true
}
