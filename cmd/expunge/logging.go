package main

import (
	"io"
	"log/slog"

	"github.com/expunge-io/expunge/cmd/expunge/config"
)

// newLogger logs as configured; times are UTC.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // one of the four words, checked when it was read
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: utc}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func utc(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}
