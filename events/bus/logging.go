package bus

import (
	"errors"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
)

// quiet passes on the errors of the adapter alone. Its other lines are one or more for
// each message, and its fields may hold what a source wrote.
func quiet(log *slog.Logger) watermill.LoggerAdapter { return errorsOnly{log: log} }

type errorsOnly struct {
	watermill.NopLogger
	log *slog.Logger
}

func (l errorsOnly) Error(msg string, err error, _ watermill.LogFields) {
	if errors.Is(err, errStopping) {
		return
	}
	l.log.Warn("bus adapter", "problem", msg, "error", err)
}

func (l errorsOnly) With(watermill.LogFields) watermill.LoggerAdapter { return l }
