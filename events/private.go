package events

import (
	"fmt"
	"log/slog"
)

// Redacted is what every [Private] value prints as.
const Redacted = "[redacted]"

// Private is a value about a person: a user id, an e-mail address, a vendor reference,
// the free text of a reason. It prints as [Redacted] wherever it is formatted, logged or
// marshalled by accident; [Private.Reveal] is the one way to read it.
//
// Keep it in exported fields: fmt prints the raw value of an unexported field of any
// type, because it may not call methods on it. Nor does it for %p and %w, and for any
// other verb that fits a pointer no better, where a struct of yours holds a pointer to it:
// go vet refuses the first two, and a Format method of the struct prevents the third.
type Private string

// Reveal returns the value itself. Never pass the result to a log, an error, a metric
// label or a subject.
func (p Private) Reveal() string { return string(p) }

// Format implements [fmt.Formatter] for every verb.
func (Private) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Redacted)) }

// String implements [fmt.Stringer].
func (Private) String() string { return Redacted }

// LogValue implements [slog.LogValuer].
func (Private) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements [encoding.TextMarshaler], which encoding/json honours for
// values. It does not for the keys of a map when they are strings: key no map that may be
// marshalled by Private.
func (Private) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// Subject is the person to erase: the realm (user directory) and the immutable user id
// within it. Attributes such as an e-mail address are [Identifier] values; they never
// decide who is who.
type Subject struct {
	Realm  string
	UserID Private
}

// Format implements [fmt.Formatter] for every verb.
func (Subject) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Redacted)) }

// String implements [fmt.Stringer].
func (Subject) String() string { return Redacted }

// LogValue implements [slog.LogValuer].
func (Subject) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (Subject) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// IdentifierType names a kind of identifier: lower-case letters, digits and underscores,
// at most 32 bytes, for example email or jumio_scan.
type IdentifierType string

// UserID is the identifier type of the subject's own immutable id. Every participant may
// need it; none has to yield it.
const UserID IdentifierType = "user_id"

// Identifier is one attribute by which a participant finds its share of a subject.
type Identifier struct {
	Type  IdentifierType `json:"type"`
	Value Private        `json:"value"`
}

// Format implements [fmt.Formatter] for every verb.
func (Identifier) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Redacted)) }

// String implements [fmt.Stringer].
func (Identifier) String() string { return Redacted }

// LogValue implements [slog.LogValuer].
func (Identifier) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (Identifier) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
