package embedded

import (
	"fmt"
	"log/slog"

	"github.com/nats-io/nats-server/v2/server"
)

// logger passes on what the server says. Debug and trace are off: they show subjects and
// payloads.
type logger struct {
	log     *slog.Logger
	fatal   chan string   // the first fatal line
	stalled chan struct{} // see Server.Stalled
}

var _ server.Logger = logger{}

func newLogger(l *slog.Logger, stalled chan struct{}) logger {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return logger{log: l, fatal: make(chan string, 1), stalled: stalled}
}

func (l logger) Noticef(format string, v ...any) { l.say(l.log.Debug, format, v) }
func (l logger) Warnf(format string, v ...any)   { l.say(l.log.Warn, format, v) }
func (l logger) Debugf(string, ...any)           {}
func (l logger) Tracef(string, ...any)           {}

// Errorf is also how the server says that a stream has stopped storing.
func (l logger) Errorf(format string, v ...any) {
	l.listen(fmt.Sprintf(format, v...))
	l.say(l.log.Error, format, v)
}

// Fatalf is how the server says that it ended by itself. The process stays: the
// connections to it show that the bus is gone.
func (l logger) Fatalf(format string, v ...any) {
	l.say(l.log.Error, format, v)
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}

func (logger) say(level func(string, ...any), format string, v []any) {
	level("bus server", "line", fmt.Sprintf(format, v...))
}
