package main

import (
	"errors"
	"time"
)

// instantFlag is a point in time: RFC 3339, or a day, which begins at midnight UTC.
type instantFlag struct{ to **time.Time }

func (f *instantFlag) Set(text string) error {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			at = at.UTC()
			*f.to = &at
			return nil
		}
	}
	return errors.New("want a day or a time such as 2027-01-31 or 2027-01-31T12:00:00Z")
}

func (f *instantFlag) String() string {
	if f.to == nil || *f.to == nil {
		return ""
	}
	return instant(**f.to)
}

// Type is what help shows.
func (f *instantFlag) Type() string { return "time" }
