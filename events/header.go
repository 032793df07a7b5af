package events

import (
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	headerPrefix      = "ce-"
	headerContentType = "content-type"
)

// The CloudEvents attributes of an [Envelope].
const (
	attrSpecVersion     = "specversion"
	attrID              = "id"
	attrSource          = "source"
	attrType            = "type"
	attrTime            = "time"
	attrSubject         = "subject"
	attrLog             = "expungelog" // an extension, a string of digits: an Integer has 32 bits
	attrDataContentType = "datacontenttype"
)

var attributes = []string{
	attrSpecVersion, attrID, attrSource, attrType, attrTime, attrSubject, attrLog, attrDataContentType,
}

// attrs are the attributes of one message by name, as they were given.
type attrs map[string]string

// header writes the envelope in binary mode.
func (e Envelope) header() Header {
	h := Header{headerContentType: {"application/json"}}
	set := func(name, value string) {
		if value != "" {
			h[headerPrefix+name] = []string{percentEncode(value)}
		}
	}
	set(attrSpecVersion, "1.0")
	set(attrID, e.ID)
	set(attrSource, e.Source)
	set(attrType, e.Type)
	set(attrSubject, e.Subject)
	if !e.Time.IsZero() {
		set(attrTime, e.Time.UTC().Format(time.RFC3339Nano))
	}
	if e.Log != 0 {
		set(attrLog, strconv.FormatUint(e.Log, 10))
	}
	return h
}

// check says what is wrong with an envelope in either direction.
func (e Envelope) check(at *place) {
	attribute(at.field(headerPrefix+attrID), e.ID, required)
	attribute(at.field(headerPrefix+attrType), e.Type, required)
	attribute(at.field(headerPrefix+attrSubject), e.Subject, optional)
	source := at.field(headerPrefix + attrSource)
	attribute(source, e.Source, required)
	if _, err := url.Parse(e.Source); err != nil {
		source.fault("must be a URI reference")
	}
	if !e.Time.IsZero() && !writableTime(e.Time) {
		at.field(headerPrefix + attrTime).fault("must be a time of the years 1 to 9999")
	}
}

func attribute(at *place, s string, n need) {
	text(at, s, n)
}

// readHeader collects the ce-* attributes and the content type of a message. Clients
// differ in the case of header names; a name given twice has no meaning.
func readHeader(at *place, h Header) (attrs, string) {
	a, content := attrs{}, ""
	seen := map[string]bool{}
	for name, values := range h {
		name = strings.ToLower(name)
		ours := name == headerContentType || strings.HasPrefix(name, headerPrefix)
		if !ours || len(values) == 0 {
			continue
		}
		if seen[name] || len(values) > 1 {
			at.field(printable(name)).fault("is given more than once")
			continue
		}
		seen[name] = true
		if name == headerContentType {
			content = values[0]
			continue
		}
		a.add(at.field(printable(name)), strings.TrimPrefix(name, headerPrefix), values[0])
	}
	return a, content
}

func (a attrs) add(at *place, name, raw string) {
	value, ok := percentDecode(raw)
	if !ok {
		at.fault("is not percent-encoded UTF-8")
		return
	}
	a[name] = value
}

// printable returns a header name for an error: those of the contract, and no input.
func printable(name string) string {
	if name == headerContentType || slices.Contains(attributes, strings.TrimPrefix(name, headerPrefix)) {
		return name
	}
	return headerPrefix + "*"
}

// envelope reads and checks the attributes.
func (a attrs) envelope(at *place) Envelope {
	e := Envelope{ID: a[attrID], Source: a[attrSource], Type: a[attrType], Subject: a[attrSubject]}
	if a[attrSpecVersion] != "1.0" {
		at.field(headerPrefix + attrSpecVersion).fault("must be 1.0")
	}
	if s := a[attrTime]; s != "" {
		if err := e.Time.UnmarshalText([]byte(s)); err != nil {
			at.field(headerPrefix + attrTime).fault("must be a time as in 2026-01-31T12:00:00Z")
		}
		e.Time = e.Time.UTC()
	}
	if s := a[attrLog]; s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			at.field(headerPrefix + attrLog).fault("must be digits")
		}
		e.Log = n
	}
	if s := a[attrDataContentType]; s != "" && !isJSON(s) {
		at.field(headerPrefix + attrDataContentType).fault("must be application/json")
	}
	e.check(at)
	return e
}

// isJSON takes application/json and the likes of application/vnd.example+json.
func isJSON(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || strings.HasPrefix(media, "application/cloudevents") {
		return false
	}
	charset := strings.ToLower(params["charset"])
	readable := charset == "" || charset == "utf-8" || charset == "us-ascii"
	return readable && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

func isStructured(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/cloudevents+json"
}

// percentEncode writes a header value as the CloudEvents bindings say: blanks, double
// quotes, percent signs and whatever is not printable ASCII.
func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// percentDecode reads a header value: a quoted string is unquoted first, for older
// producers, and then one round of percent-decoding is done.
func percentDecode(s string) (string, bool) {
	s, ok := unquote(s)
	if !ok {
		return "", false
	}
	s, err := url.PathUnescape(s)
	return s, err == nil && utf8.ValidString(s)
}

func unquote(s string) (string, bool) {
	if !strings.HasPrefix(s, `"`) {
		return s, true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}
