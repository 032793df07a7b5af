package events

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// need says whether an empty value is a fault.
type need int

const (
	optional need = iota
	required
)

// The limits of the wire, in bytes.
const (
	maxToken = 64   // names, codes, correlation ids
	maxID    = 128  // ids, digests, keys, instances
	maxText  = 1024 // sentences
	maxValue = 4096 // identifiers, references, reasons
	maxUndo  = 256 << 10
	maxItems = 1000 // of any list
)

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// charset is a set of ASCII strings. Its pattern is how errors and schemas name it.
type charset struct {
	pattern string
	bytes   string
	max     int
}

var (
	nameSet        = charset{"[a-z0-9-]{1,64}", lower + digits + "-", maxToken}
	codeSet        = charset{"[a-z0-9_]{1,64}", lower + digits + "_", maxToken}
	typeSet        = charset{"[a-z0-9_]{1,32}", lower + digits + "_", 32}
	correlationSet = charset{"[A-Za-z0-9._-]{1,64}", upper + lower + digits + "._-", maxToken}
	labelSet       = correlationSet // plans, regimes, realms
	idSet          = charset{"[A-Za-z0-9._:-]{1,128}", upper + lower + digits + "._:-", maxID}
)

func (c charset) has(s string) bool {
	return s != "" && len(s) <= c.max && strings.Trim(s, c.bytes) == ""
}

func (c charset) check(at *place, s string, n need) {
	if s == "" && n == optional || c.has(s) {
		return
	}
	at.fault("must match " + c.pattern)
}

// printableASCII takes the printable ASCII of keys, blanks included.
func printableASCII(at *place, s string, n need) {
	odd := strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
	if odd || len(s) > maxID || s == "" && n == required {
		at.fault("must be 1 to " + strconv.Itoa(maxID) + " printable ASCII characters")
	}
}

// text takes a sentence: no control characters.
func text(at *place, s string, n need) {
	switch {
	case !utf8.ValidString(s):
		at.fault("must be valid UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		at.fault("must not hold control characters")
	case len(s) > maxText:
		at.fault("must be at most " + strconv.Itoa(maxText) + " bytes")
	case s == "" && n == required:
		at.fault("is missing")
	}
}

// private takes a value about a person: any text without NUL, which no store and no
// vendor could look up.
func private(at *place, p Private, limit int, n need) {
	switch {
	case !utf8.ValidString(string(p)):
		at.fault("must be valid UTF-8")
	case strings.ContainsRune(string(p), 0):
		at.fault("must not hold NUL")
	case len(p) > limit:
		at.fault("must be at most " + strconv.Itoa(limit) + " bytes")
	case p == "" && n == required:
		at.fault("is missing")
	}
}

// exact refuses an id that a careless copy changed: a blank at an end, a line break. The
// person it was meant for would be looked for in vain.
func exact(at *place, p Private) {
	s := string(p)
	if strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) {
		at.fault("must not begin or end with a blank, or hold control characters")
	}
}

func oneOf[T ~string](at *place, v T, set []T) {
	if slices.Contains(set, v) {
		return
	}
	names := make([]string, len(set))
	for i, s := range set {
		names[i] = string(s)
	}
	at.fault("must be one of " + strings.Join(names, ", "))
}

// maxInteger is the largest integer that every JSON reader keeps exactly. A thousand of
// them still add up without a wrap, which could prove an erasure.
const maxInteger = 1<<53 - 1

// maxReported is the largest count of one report, and maxKinds how many counts it may
// hold: what the reports of a saga add up to must still fit into its summary.
const (
	maxReported = 1 << 40
	maxKinds    = 100
)

func within[T int | int64](at *place, v, least T) { between(at, int64(v), int64(least), maxInteger) }

func between(at *place, v, least, most int64) {
	if v < least || v > most {
		at.fault("must be " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10))
	}
}

func instant(at *place, t time.Time) {
	if t.IsZero() || !writableTime(t) {
		at.fault("must be a time as in 2026-01-31T12:00:00Z")
	}
}

func optionalInstant(at *place, t *time.Time) {
	if t != nil {
		instant(at, *t)
	}
}

func limited[T any](at *place, list []T) {
	if len(list) > maxItems {
		at.fault("must have at most " + strconv.Itoa(maxItems) + " entries")
	}
}
