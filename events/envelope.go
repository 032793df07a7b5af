package events

import (
	"errors"
	"time"
)

// Envelope is the CloudEvents 1.0 context of a message.
type Envelope struct {
	ID      string    // ce-id; unique within Source
	Source  string    // ce-source, for example /expunge or /sources/billing
	Type    string    // ce-type; set by Encode
	Subject string    // ce-subject: the saga id, where there is one
	Time    time.Time // ce-time, UTC
	Log     uint64    // ce-expungelog: log number of the orchestrator's batch; 0: none
}

// Header is the header block of a NATS message; keys are case-sensitive and lower-case.
type Header map[string][]string

// Sentinels of [Decode]. Every error of Decode wraps exactly one of them.
var (
	ErrMalformed   = errors.New("malformed message") // also a *FieldError, where a field is at fault
	ErrUnknownType = errors.New("unknown message type")
)

// FieldError says what is wrong with one field. It never holds the field's value.
type FieldError struct {
	Field   string // path, as in identifiers[0].type; empty: the document itself
	Problem string
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Problem
	}
	return e.Field + ": " + e.Problem
}

// Is makes every FieldError a malformed message.
func (e *FieldError) Is(target error) bool { return target == ErrMalformed }
