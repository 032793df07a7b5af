package assembly

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/expunge-io/expunge/orchestrator/api"
	"github.com/expunge-io/expunge/storage"
)

// BackupPath is where a running orchestrator gives out a backup of its store, to an
// operator's POST, see [Token].
const BackupPath = "/v1/admin/backup"

// backupTimeout is how long who asked for a backup may take to read it.
const backupTimeout = time.Hour

// backuper is a store that is backed up while it is at work.
type backuper interface {
	Backup(ctx context.Context, w io.Writer) error
}

// withAdmin puts what an operator of this machine may do beside the API.
func withAdmin(rest http.Handler, store backuper, token string, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+BackupPath, api.Guard(forOperators(token, &backups{store, log})))
	mux.Handle("/", rest)
	return mux
}

// backups streams a backup of the store. One that cannot be given whole ends in the middle
// of the body, which a client must take for a failure.
type backups struct {
	store backuper
	log   *slog.Logger
}

func (b *backups) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	until := time.Now().Add(backupTimeout)
	c := http.NewResponseController(w)
	if err := errors.Join(c.SetWriteDeadline(until), c.SetReadDeadline(until)); err != nil {
		b.log.WarnContext(r.Context(), "a slow backup will be cut off", "error", err)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	out := &counter{Writer: w}
	err := b.store.Backup(r.Context(), out)
	switch {
	case err == nil:
		b.log.InfoContext(r.Context(), "backup given out", "bytes", out.n)
	case out.n > 0:
		b.log.ErrorContext(r.Context(), "backup cut off", "error", err)
		panic(http.ErrAbortHandler)
	case errors.Is(err, storage.ErrFull):
		http.Error(w, "no space for a copy beside the store", http.StatusInsufficientStorage)
	default:
		b.log.ErrorContext(r.Context(), "no backup", "error", err)
		http.Error(w, "the store cannot be copied: see the log of the orchestrator", http.StatusServiceUnavailable)
	}
}

type counter struct {
	io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.n += int64(n)
	return n, err
}
