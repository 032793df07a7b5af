package redis

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/expunge-io/expunge/events"
)

// template is a key with holes: literals, identifiers, a member, and stars.
type template []part

type part struct {
	literal string
	typ     events.IdentifierType // an identifier's value
	member  bool                  // the member of an index
	star    bool                  // one or more characters other than the delimiter
}

var hole = regexp.MustCompile(`\$\{([a-z0-9_]{1,32})\}|\*`)

func parseTemplate(field, text string) (template, error) {
	var t template
	rest := text
	for rest != "" {
		at := hole.FindStringSubmatchIndex(rest)
		if at == nil {
			at = []int{len(rest), len(rest), -1, -1}
		}
		if lit := rest[:at[0]]; lit != "" {
			if strings.Contains(lit, "${") {
				return nil, errors.New(field + ": want ${identifier_type}, or ${member}")
			}
			t = append(t, part{literal: lit})
		}
		switch {
		case at[0] == at[1]:
		case at[2] < 0:
			t = append(t, part{star: true})
		case rest[at[2]:at[3]] == "member":
			t = append(t, part{member: true})
		default:
			t = append(t, part{typ: events.IdentifierType(rest[at[2]:at[3]])})
		}
		rest = rest[at[1]:]
	}
	return t, nil
}

func (t template) types() (out []events.IdentifierType) {
	for _, p := range t {
		if p.typ != "" {
			out = append(out, p.typ)
		}
	}
	return out
}

func (t template) searches() bool { return slices.ContainsFunc(t, func(p part) bool { return p.star }) }

func (t template) usesMember() bool {
	return slices.ContainsFunc(t, func(p part) bool { return p.member })
}

// anchored reports whether each star, and each identifier, is bounded by the delimiter: a
// search for the person "a" must not find "ab".
func (t template) anchored(delimiter string) bool {
	for i := 1; i < len(t); i++ {
		before, after := t[i-1], t[i]
		switch {
		case before.literal == "" && after.literal == "":
			return false
		case before.literal == "" && !strings.HasPrefix(after.literal, delimiter):
			return false
		case after.literal == "" && !strings.HasSuffix(before.literal, delimiter):
			return false
		}
	}
	return true
}

// fill puts values into the holes for them; stars and members stay.
func (t template) fill(v values) template {
	out := make(template, 0, len(t))
	for _, p := range t {
		if p.typ != "" {
			p = part{literal: v[p.typ]}
		}
		out = append(out, p)
	}
	return out
}

// text is a filled template as a key.
func (t template) text() string { return t.with("") }

// with is a filled template as the key that a member names.
func (t template) with(member string) string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.literal)
		if p.member {
			b.WriteString(member)
		}
	}
	return b.String()
}

// quote is for everything that a pattern of Redis could read.
var quote = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `^`, `\^`, `-`, `\-`)

// pattern is a filled template for MATCH.
func (t template) pattern() string {
	var b strings.Builder
	for _, p := range t {
		if p.star {
			b.WriteByte('*')
			continue
		}
		b.WriteString(quote.Replace(p.literal))
	}
	return b.String()
}

// matches compares a key with a filled template, without patterns: what MATCH let through is
// looked at once more. A star is followed by the delimiter, or ends the key.
func (t template) matches(key, delimiter string) bool {
	for _, p := range t {
		n := len(p.literal)
		if p.star {
			if n = strings.Index(key, delimiter); n < 0 {
				n = len(key)
			}
			if n == 0 {
				return false
			}
		} else if !strings.HasPrefix(key, p.literal) {
			return false
		}
		key = key[n:]
	}
	return key == ""
}
