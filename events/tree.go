package events

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxData is the largest message, in bytes of its data.
const MaxData = 1 << 20

// maxDepth is more than any message needs, and far less than what could hurt.
const maxDepth = 16

// object is a JSON object in the order in which it was written. Names are compared
// exactly: encoding/json would take USER_ID for user_id.
type object []member

type member struct {
	name  string
	value any // object, []any, string, json.Number, bool or nil
}

func (o object) get(name string) (any, bool) {
	for _, m := range o {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// parse reads one JSON document. It refuses what two readers could read differently:
// repeated names, trailing data, broken UTF-8, lone surrogates.
func parse(data []byte) (any, error) {
	if problem := unreadable(data); problem != "" {
		return nil, &FieldError{Problem: problem}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	b := builder{decoder: d}
	v := b.value(0)
	if b.problem != "" {
		return nil, &FieldError{Problem: b.problem}
	}
	return v, nil
}

func unreadable(data []byte) string {
	switch {
	case len(data) > MaxData:
		return "longer than " + strconv.Itoa(MaxData) + " bytes"
	case len(bytes.TrimSpace(data)) == 0:
		return "no data"
	case !utf8.Valid(data):
		return "not valid UTF-8"
	case !json.Valid(data):
		return "not one JSON document"
	case loneSurrogate(data):
		return `a \u escape is half of a surrogate pair`
	}
	return ""
}

// loneSurrogate looks for the one thing that encoding/json replaces silently in valid
// UTF-8; data must be valid JSON.
func loneSurrogate(data []byte) bool {
	for i := bytes.IndexByte(data, '\\'); i >= 0 && i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		r, ok := unicodeEscape(data[i:])
		switch {
		case !ok:
			i++ // the escaped character
			continue
		case !utf16.IsSurrogate(r):
			i += 5
			continue
		}
		low, ok := unicodeEscape(data[i+6:])
		if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
			return true
		}
		i += 11
	}
	return false
}

func unicodeEscape(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

// builder turns the tokens of a valid document into values; the first problem stays.
type builder struct {
	decoder *json.Decoder
	problem string
}

func (b *builder) token() json.Token {
	t, err := b.decoder.Token()
	if err != nil {
		// The text was checked before: what is left is, for example, a number that cannot be.
		b.problem = "not one JSON document"
	}
	return t
}

func (b *builder) value(depth int) any {
	t := b.token()
	delim, nested := t.(json.Delim)
	switch {
	case b.problem != "" || !nested:
		return t
	case depth == maxDepth:
		b.problem = "nested deeper than " + strconv.Itoa(maxDepth) + " levels"
		return nil
	case delim == '{':
		return b.object(depth + 1)
	}
	return b.array(depth + 1)
}

func (b *builder) object(depth int) object {
	o := object{}
	seen := map[string]bool{}
	for b.problem == "" && b.decoder.More() {
		name, _ := b.token().(string)
		if seen[name] {
			b.problem = "a field is given twice in one object"
		}
		seen[name] = true
		o = append(o, member{name, b.value(depth)})
	}
	b.end()
	return o
}

func (b *builder) array(depth int) []any {
	a := []any{}
	for b.problem == "" && b.decoder.More() {
		a = append(a, b.value(depth))
	}
	b.end()
	return a
}

func (b *builder) end() {
	if b.problem == "" {
		b.token()
	}
}
