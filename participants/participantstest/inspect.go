package participantstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// reportJudge is the JSON Schema of a report as a function.
func reportJudge() (func(data []byte) error, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(events.Schema(events.Report{})))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("report.json", doc); err != nil {
		return nil, err
	}
	schema, err := c.Compile("report.json")
	if err != nil {
		return nil, err
	}
	return func(data []byte) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return err
		}
		return schema.Validate(v)
	}, nil
}

// inspect notes what is wrong with a message of the worker, by the codec and by its schema,
// and whether it holds what it must not. No note holds a value of the message.
func (w *wire) inspect(what string, call bus.Call, fault error) {
	data := dataOf(call)
	if fault == nil && what == "report" && w.judge(data) != nil {
		fault = fmt.Errorf("does not fit its JSON Schema")
	}
	leaks := holds(headerText(call.Header)+" "+open(data), w.private)
	w.mu.Lock()
	defer w.mu.Unlock()
	if fault != nil {
		w.schema = append(w.schema, fmt.Errorf("%s: %w", what, fault))
	}
	if leaks {
		w.leaks = append(w.leaks, fmt.Errorf("a %s holds an identifier", what))
	}
}

// dataOf is the data of a message in any of the three forms.
func dataOf(call bus.Call) []byte {
	var structured struct {
		Spec string          `json:"specversion"`
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(call.Data, &structured) == nil && structured.Spec != "" {
		return structured.Data
	}
	return call.Data
}

func headerText(h events.Header) string {
	var b strings.Builder
	for name, values := range h {
		b.WriteString(name + " " + strings.Join(values, " ") + " ")
	}
	return b.String()
}

// open is what of the data is not for the vault: identifiers and undo are.
func open(data []byte) string {
	var fields map[string]any
	if json.Unmarshal(data, &fields) != nil {
		return string(data)
	}
	delete(fields, "identifiers")
	delete(fields, "undo")
	return fmt.Sprint(fields)
}

// holds reports whether a text has one of the values in it, in whatever case. A short value
// would be found anywhere.
func holds(text string, private []string) bool {
	text = strings.ToLower(text)
	for _, v := range private {
		if len(v) >= shortest && strings.Contains(text, strings.ToLower(v)) {
			return true
		}
	}
	return false
}
