package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Compact makes the file of a store that nobody has open as small as its rows allow; see
// [Store.Compact]. ErrLocked, ErrDamaged, ErrFull, [fs.ErrNotExist]; after any error the
// file is whole, the old one or the new one.
func Compact(ctx context.Context, path string) error {
	s, err := openExisting(path, Config{})
	if err != nil {
		return err
	}
	return errors.Join(s.Compact(ctx), s.Close())
}

// openExisting is Open for a file that must be there.
func openExisting(path string, c Config) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return Open(path, c)
}

// Compact puts a copy of the rows in the place of the file, which is then as small as its
// rows allow and shows nothing of what was there before. Commits wait meanwhile; reads do
// not, and those under way end on the file that they began on. A process that dies at any
// moment leaves the old file or the new one, whole.
//
// [storage.ErrFull], [storage.ErrClosed] and the context's error leave the store as it was.
// If the new file was put in place but perhaps not for good, the store is unusable and the
// process must exit and recover, as after a failed commit.
func (s *Store) Compact(ctx context.Context) error {
	old, err := s.compact(ctx)
	if old != nil {
		err = errors.Join(err, old.Close()) // waits for the reads under way
	}
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}

// compact returns the file that is out of use.
func (s *Store) compact(ctx context.Context) (old *bbolt.DB, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	path, err := s.copied(ctx)
	if err != nil {
		return nil, err
	}
	// Opened, the copy is locked: no other process gets in between the two names.
	fresh, err := openDB(path, s.config)
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	if err := os.Rename(path, s.path); err != nil {
		return nil, errors.Join(err, fresh.Close(), os.Remove(path))
	}
	old = s.replace(fresh)
	// The name must lead to the new file for good before a commit goes there.
	if err := syncDir(filepath.Dir(s.path)); err != nil {
		s.failed = fmt.Errorf("compact: %w", err)
		return old, err
	}
	return old, nil
}

func (s *Store) replace(fresh *bbolt.DB) (old *bbolt.DB) {
	s.swap.Lock()
	defer s.swap.Unlock()
	old, s.db = s.db, fresh
	return old
}
