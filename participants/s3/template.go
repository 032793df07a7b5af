package s3

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/expunge-io/expunge/events"
)

// template is a key, or the beginning of one, with holes for the person's identifiers.
type template []part

// part is a literal, or, if that is empty, the value of an identifier.
type part struct {
	literal string
	typ     events.IdentifierType
}

var hole = regexp.MustCompile(`\$\{([a-z0-9_]{1,32})\}`)

func parseTemplate(text string) (template, error) {
	var t template
	at := 0
	for _, h := range hole.FindAllStringSubmatchIndex(text, -1) {
		t = t.with(text[at:h[0]])
		t = append(t, part{typ: events.IdentifierType(text[h[2]:h[3]])})
		at = h[1]
	}
	t = t.with(text[at:])
	if slices.ContainsFunc(t, func(p part) bool { return strings.Contains(p.literal, "${") }) {
		return nil, errors.New("want ${identifier_type}, such as ${user_id}")
	}
	if len(t.types()) == 0 {
		return nil, errors.New("must hold an identifier, such as ${user_id}")
	}
	return t, nil
}

func (t template) with(literal string) template {
	if literal == "" {
		return t
	}
	return append(t, part{literal: literal})
}

func (t template) types() (out []events.IdentifierType) {
	for _, p := range t {
		if p.typ != "" {
			out = append(out, p.typ)
		}
	}
	return out
}

// closed reports whether the delimiter comes right after each identifier: what begins with
// the value of the person 1 must not be that of 10.
func (t template) closed(delimiter string) bool {
	for i, p := range t {
		if p.typ != "" && (i+1 == len(t) || !strings.HasPrefix(t[i+1].literal, delimiter)) {
			return false
		}
	}
	return true
}

// distinct reports whether the delimiter is between two identifiers: of one key it must be
// plain which value ends where.
func (t template) distinct(delimiter string) bool {
	for i := 1; i < len(t); i++ {
		between := t[i-1]
		if t[i].typ == "" {
			continue
		}
		if between.typ != "" || i > 1 && !strings.Contains(between.literal, delimiter) {
			return false
		}
	}
	return true
}

func (t template) fill(v values) string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.literal)
		b.WriteString(v[p.typ])
	}
	return b.String()
}
