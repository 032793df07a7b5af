package assembly

import (
	"context"
	"log/slog"
	"strings"
	"syscall"
	"time"
)

// A stream that met a full disk stops storing and, with space or without, never begins
// again until its server is restarted. Nothing on the bus tells: the API answers, and only
// a publish that would be stored is not acknowledged. What tells is the server's log.

// stallMark is what the server logs once for such a stream.
const stallMark = "critical write error"

// alarm is a log handler that listens for the mark.
type alarm struct {
	slog.Handler
	stalled chan struct{} // holds one at most
}

func newAlarm(h slog.Handler) *alarm { return &alarm{h, make(chan struct{}, 1)} }

// Enabled lets the mark through whatever the level: the server logs it as an error.
func (a *alarm) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || a.Handler.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (a *alarm) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(attr slog.Attr) bool {
		if strings.Contains(attr.Value.String(), stallMark) {
			a.raise()
		}
		return true
	})
	if !a.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return a.Handler.Handle(ctx, r)
}

func (a *alarm) raise() {
	select {
	case a.stalled <- struct{}{}:
	default: // raised already
	}
}

const (
	stallPoll = 5 * time.Second
	// stallSpace is how much must be free before a restart is worth it, in bytes.
	stallSpace = 32 << 20
)

// guard restarts the server when a stream has stopped storing, as soon as there is space
// again, until ctx ends.
func (b *Bus) guard(ctx context.Context) {
	if b.server == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.alarm.stalled:
		}
		b.log.ErrorContext(ctx, "the disk of the bus is full: free some space, and the bus is restarted by itself", "folder", b.folder)
		if !b.awaitSpace(ctx) {
			return
		}
		if err := b.server.Restart(); err != nil {
			b.log.ErrorContext(ctx, "the bus does not start again; it is tried again", "error", err)
			b.alarm.raise()
			continue
		}
		b.log.InfoContext(ctx, "the bus was restarted after its disk was full")
	}
}

// awaitSpace reports whether there is space again; false: ctx has ended.
func (b *Bus) awaitSpace(ctx context.Context) bool {
	tick := time.NewTicker(stallPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		if free(b.folder) >= stallSpace {
			return true
		}
	}
}

// free is how many bytes the folder's disk has left for us; 0 if it cannot be told.
func free(folder string) uint64 {
	var fs syscall.Statfs_t
	if syscall.Statfs(folder, &fs) != nil {
		return 0
	}
	return fs.Bavail * uint64(fs.Bsize)
}
