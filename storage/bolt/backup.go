package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Backup writes the store, as it is after the last batch, to w: a file that Open opens. It
// runs beside reads and commits. The transaction that it needs ends before the first byte
// is written, however slow w is; until then the disk holds a copy beside the store.
//
// The backup holds sealed boxes, and no key to open them with. [storage.ErrFull] if there
// is no space for the copy, [storage.ErrClosed], the context's error, or w's.
func (s *Store) Backup(ctx context.Context, w io.Writer) (err error) {
	path, err := s.copied(ctx)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	f, err := os.Open(path)
	err = errors.Join(err, os.Remove(path)) // a crash from here on leaves nothing
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(w, &until{ctx, f}); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// until is a reader that ends with its context.
type until struct {
	ctx context.Context
	io.Reader
}

func (u *until) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(b)
}
