package events

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// writer writes Go values as JSON: fields in the order of their declaration, counts
// sorted, times in UTC, private values in the clear. The same value always gives the same
// bytes. Strings must be valid UTF-8 and times must be writable.
type writer struct {
	buf     bytes.Buffer
	strings *json.Encoder
}

func appendPayload(p Payload) []byte {
	w := &writer{}
	w.strings = json.NewEncoder(&w.buf)
	w.strings.SetEscapeHTML(false)
	w.value(reflect.ValueOf(p))
	return w.buf.Bytes()
}

func (w *writer) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		w.value(v.Elem())
	case reflect.Struct:
		w.structure(v)
	case reflect.Slice:
		w.array(v)
	case reflect.Map:
		w.counts(v.Interface().(Counts))
	case reflect.String:
		w.text(v.String())
	case reflect.Bool:
		w.buf.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Uint64:
		w.buf.WriteString(strconv.FormatUint(v.Uint(), 10))
	default:
		w.buf.WriteString(strconv.FormatInt(v.Int(), 10))
	}
}

func (w *writer) structure(v reflect.Value) {
	if t, ok := v.Interface().(time.Time); ok {
		w.text(t.UTC().Format(time.RFC3339Nano))
		return
	}
	w.buf.WriteByte('{')
	first := true
	for i := range v.NumField() {
		tag := tagOf(v.Type().Field(i))
		if tag.omitEmpty && empty(v.Field(i)) {
			continue
		}
		w.comma(&first)
		w.text(tag.name)
		w.buf.WriteByte(':')
		w.value(v.Field(i))
	}
	w.buf.WriteByte('}')
}

func (w *writer) array(v reflect.Value) {
	w.buf.WriteByte('[')
	first := true
	for i := range v.Len() {
		w.comma(&first)
		w.value(v.Index(i))
	}
	w.buf.WriteByte(']')
}

func (w *writer) counts(c Counts) {
	kinds := make([]Kind, 0, len(c))
	for k := range c {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	w.buf.WriteByte('{')
	first := true
	for _, k := range kinds {
		w.comma(&first)
		w.text(string(k))
		w.buf.WriteByte(':')
		w.buf.WriteString(strconv.FormatInt(c[k], 10))
	}
	w.buf.WriteByte('}')
}

func (w *writer) comma(first *bool) {
	if !*first {
		w.buf.WriteByte(',')
	}
	*first = false
}

func (w *writer) text(s string) {
	_ = w.strings.Encode(s)         // a bytes.Buffer takes everything
	w.buf.Truncate(w.buf.Len() - 1) // the encoder's line feed
}

// empty reports what omitempty leaves out. Counts that are known to be none are not
// empty: a baseline of {} says something, and no baseline says nothing.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map:
		return v.IsNil()
	case reflect.Slice:
		return v.Len() == 0
	}
	return v.IsZero()
}

func writableTime(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1 && year <= 9999
}
