package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"
)

// Contents is what a box holds. It prints as [redacted], and so does each [Identifier].
type Contents struct {
	Realm       string
	UserID      string
	Identifiers []Identifier
	Reason      string // free text of the request
	// Undo is what a restore needs, by participant, as it was sealed first.
	Undo map[string]string
	// Items narrow the shares of their participants.
	Items []Item
}

// Item is one thing that a participant holds, by its reference there.
type Item struct {
	Participant string
	Kind        string
	Reference   string
}

// Identifier is an attribute of the subject. From is the participant that contributed it;
// empty for the request's own.
type Identifier struct {
	Type  string
	Value string
	From  string
}

// Format implements [fmt.Formatter] for every verb.
func (Contents) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (Contents) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], so that JSON by accident tells nothing.
func (Contents) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements [fmt.Formatter] for every verb.
func (Identifier) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (Identifier) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (Identifier) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements [fmt.Formatter] for every verb.
func (Item) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (Item) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (Item) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// stored is the JSON inside a box. Fields are only added.
type stored struct {
	Realm       string             `json:"realm,omitempty"`
	UserID      string             `json:"user_id,omitempty"`
	Identifiers []storedIdentifier `json:"identifiers,omitempty"`
	Reason      string             `json:"reason,omitempty"`
	Undo        map[string]string  `json:"undo,omitempty"`
	Items       []storedItem       `json:"items,omitempty"`
}

type storedItem struct {
	Participant string `json:"participant"`
	Kind        string `json:"kind"`
	Reference   string `json:"reference"`
}

type storedIdentifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
	From  string `json:"from,omitempty"`
}

// Marshal returns the plaintext to seal. The error, which names the field, is for text
// that is not UTF-8: it would be read back as something else.
func (c Contents) Marshal() ([]byte, error) {
	s := stored{Realm: c.Realm, UserID: c.UserID, Reason: c.Reason, Undo: c.Undo}
	faults := []error{isText("realm", c.Realm), isText("user_id", c.UserID), isText("reason", c.Reason)}
	for i, d := range c.Identifiers {
		s.Identifiers = append(s.Identifiers, storedIdentifier(d))
		faults = append(faults, isText(fmt.Sprintf("identifiers[%d]", i), d.Type, d.Value, d.From))
	}
	for i, d := range c.Items {
		s.Items = append(s.Items, storedItem(d))
		faults = append(faults, isText(fmt.Sprintf("items[%d]", i), d.Participant, d.Kind, d.Reference))
	}
	for _, u := range c.Undo {
		faults = append(faults, isText("undo", u))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

func isText(field string, values ...string) error {
	for _, v := range values {
		if !utf8.ValidString(v) {
			return fmt.Errorf("vault: %s: not UTF-8", field)
		}
	}
	return nil
}

// UnmarshalContents reads what [Contents.Marshal] wrote.
func UnmarshalContents(plaintext []byte) (Contents, error) {
	var s stored
	if err := json.Unmarshal(plaintext, &s); err != nil {
		return Contents{}, errors.New("vault: the box holds no contents") // the cause may quote them
	}
	c := Contents{Realm: s.Realm, UserID: s.UserID, Reason: s.Reason, Undo: s.Undo}
	for _, d := range s.Items {
		c.Items = append(c.Items, Item(d))
	}
	for _, d := range s.Identifiers {
		c.Identifiers = append(c.Identifiers, Identifier(d))
	}
	return c, nil
}
