package events_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/expunge-io/expunge/events"
)

func compiled(t testing.TB, p events.Payload) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(events.Schema(p)))
	if err != nil {
		t.Fatalf("schema of %s: %v", events.TypeOf(p), err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("schema of %s: %v", events.TypeOf(p), err)
	}
	return s
}

// judge is a schema as a function: nil means that the data keep to it.
func judge(t testing.TB, p events.Payload) func(data []byte) error {
	s := compiled(t, p)
	return func(data []byte) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return err
		}
		return s.Validate(v)
	}
}

func payloadOf(t testing.TB, ceType string) events.Payload {
	t.Helper()
	for _, p := range events.Payloads() {
		if events.TypeOf(p) == ceType {
			return p
		}
	}
	t.Fatalf("no payload of type %s", ceType)
	return nil
}

// decode decodes data alone, without saying what was found.
func decode(ceType string, data []byte) error {
	h := events.Header{"ce-specversion": {"1.0"}, "ce-id": {"1"}, "ce-source": {"/s"}, "ce-type": {ceType}}
	_, _, err := events.DecodeAny(h, data)
	return err
}

func TestGoldenVectorsKeepToTheirSchemas(t *testing.T) {
	for name, v := range vectors(t) {
		if err := judge(t, payloadOf(t, v.Type))([]byte(v.Data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemasHaveTheFieldsOfTheTypes compares the properties of every object of a schema
// with the fields of the Go type that it stands for.
func TestSchemasHaveTheFieldsOfTheTypes(t *testing.T) {
	for _, p := range events.Payloads() {
		t.Run(events.TypeOf(p), func(t *testing.T) {
			compareType(t, "", compiled(t, p), reflect.TypeOf(p))
		})
	}
}

func compareType(t *testing.T, path string, s *jsonschema.Schema, typ reflect.Type) {
	t.Helper()
	for s.Ref != nil {
		s = s.Ref
	}
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ.Kind() == reflect.Slice:
		items := s.Items2020
		for _, part := range items.AllOf {
			items = part
		}
		compareType(t, path+"[]", items, typ.Elem())
	case typ.Kind() == reflect.Struct && typ.PkgPath() != "time":
		compareFields(t, path, s, typ)
	}
}

func compareFields(t *testing.T, path string, s *jsonschema.Schema, typ reflect.Type) {
	t.Helper()
	fields := map[string]reflect.Type{}
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		fields[name] = typ.Field(i).Type
	}
	have, want := slices.Sorted(maps.Keys(s.Properties)), slices.Sorted(maps.Keys(fields))
	if !slices.Equal(have, want) {
		t.Errorf("%s: schema has %v, the type has %v", path, have, want)
		return
	}
	for name, ft := range fields {
		compareType(t, path+"."+name, s.Properties[name], ft)
	}
}

// TestSchemasAndDecodeAgree changes every golden vector in many ways, and asks the schema
// and Decode whether the result is still a message. Both must say the same.
func TestSchemasAndDecodeAgree(t *testing.T) {
	judges, accepted, refused := map[string]func([]byte) error{}, map[string]int{}, map[string]int{}
	for name, v := range varied(vectors(t)) {
		if judges[v.Type] == nil {
			judges[v.Type] = judge(t, payloadOf(t, v.Type))
		}
		for _, data := range mutations(t, []byte(v.Data), patience(v.Type)) {
			bySchema, byDecode := judges[v.Type](data), decode(v.Type, data)
			if byDecode == nil {
				accepted[v.Type]++
			} else {
				refused[v.Type]++
			}
			if (bySchema == nil) != (byDecode == nil) && !beyondSchemas(byDecode) {
				t.Errorf("%s: the schema says %v, Decode says %v, of\n%s", name, bySchema, byDecode, data)
			}
		}
	}
	for _, p := range events.Payloads() {
		if typ := events.TypeOf(p); accepted[typ] == 0 || refused[typ] < 20 {
			t.Errorf("%s: only %d accepted and %d refused: too tame", typ, accepted[typ], refused[typ])
		}
	}
}

// varied takes every vector of the types whose rules depend on their values, and one of
// each other type.
func varied(all map[string]vector) map[string]vector {
	many := []events.Payload{events.Request{}, events.Report{}, events.Permit{}, events.Receipt{}, events.Event{}, events.Operation{}}
	one := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		typ := all[name].Type
		keep := slices.ContainsFunc(many, func(p events.Payload) bool { return events.TypeOf(p) == typ })
		if !keep && one[typ] {
			delete(all, name)
		}
		one[typ] = true
	}
	return all
}

// patience lists the values that mean absence outside of a request, a cancel and an
// operation, where the schema says what a producer has to do and Decode takes a little more.
func patience(ceType string) []any {
	switch ceType {
	case events.TypeOf(events.Request{}), events.TypeOf(events.Cancel{}), events.TypeOf(events.Operation{}):
		return nil
	}
	return []any{nil, ""}
}

// beyondSchemas reports whether an error is of the one rule that JSON Schema cannot say:
// that two fields name the same participant.
func beyondSchemas(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "claim_on: must be a subject of the participant")
}

var strange = []any{
	nil, "", " ", "A b", "\u0000", "é", "0197", strings.Repeat("a", 33), strings.Repeat("a", 65), strings.Repeat("a", 129),
	strings.Repeat("a", 1025), strings.Repeat("a", 4097), "2026-02-03T09:00:00Z", "2026-02-03T11:00:00.5+02:00",
	"2026-13-03T09:00:00Z", "2026-02-03", "erase", "resolved", "failed", "completed", "user_id", "erasure.claim.sessions.", "erasure.claim.sessions.*",
	json.Number("-1"), json.Number("0"), json.Number("1"), json.Number("9007199254740991"), json.Number("9007199254740992"), json.Number("0.5"),
	true, false, []any{}, []any{nil}, []any{"x"}, map[string]any{}, map[string]any{"a b": json.Number("1")}, map[string]any{"x": json.Number("-1")},
}

// mutations returns data with each value removed, replaced by every strange one, and with
// an unknown field in each object.
func mutations(t *testing.T, data []byte, skip []any) [][]byte {
	t.Helper()
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	keep := func() {
		b, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	mutate(tree, skip, keep)
	return out
}

func mutate(node any, skip []any, keep func()) {
	switch n := node.(type) {
	case map[string]any:
		n["unknown_field"] = "x"
		keep()
		delete(n, "unknown_field")
		for _, name := range slices.Sorted(maps.Keys(n)) {
			old := n[name]
			delete(n, name)
			keep()
			replace(skip, func(v any) { n[name] = v; keep() })
			n[name] = old
			mutate(old, skip, keep)
		}
	case []any:
		for i, old := range n {
			replace(skip, func(v any) { n[i] = v; keep() })
			n[i] = old
			mutate(old, skip, keep)
		}
	}
}

func replace(skip []any, set func(any)) {
	for _, v := range strange {
		if !slices.ContainsFunc(skip, func(s any) bool { return reflect.DeepEqual(s, v) }) {
			set(v)
		}
	}
}
