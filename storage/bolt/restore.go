package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/expunge-io/expunge/storage"
)

// Restoring says how [Restore] puts a backup in place.
type Restoring struct {
	// Mark makes the restored store known as one, before anybody else can open it. Nil: it is
	// left as the backup is.
	Mark func(context.Context, storage.Store) error
	// Replaced is the name under which a store that is there is kept. Empty: a store that is
	// there is not replaced, [fs.ErrExist].
	Replaced string
}

// FaultyError means that a backup was not restored, because of what Check found in it.
type FaultyError struct{ Report Report }

func (e *FaultyError) Error() string {
	return fmt.Sprintf("the backup has %d faults, of which the first is: %s", len(e.Report.Faults), e.Report.Faults[0].What)
}

// Restore puts a copy of a backup in the place of a store that nobody has open. The backup
// is checked first (FaultyError), and stays as it is. A process that dies on the way leaves
// the store that was there, or none, or the restored one, whole. ErrLocked, ErrFull.
func Restore(ctx context.Context, backup, path string, r Restoring) (err error) {
	old, err := r.hold(path)
	if err != nil {
		return err
	}
	if old != nil {
		defer func() { err = errors.Join(err, old.Close()) }() // until then nobody gets in
	}
	draft, err := r.draft(ctx, backup, path)
	if err != nil {
		return err
	}
	if old != nil {
		err = keep(path, r.Replaced)
	}
	if err == nil {
		err = putInPlace(draft, path, old)
	}
	if err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return syncDir(filepath.Dir(path))
}

// hold locks a store that is there; nil if there is none.
func (r Restoring) hold(path string) (*os.File, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if r.Replaced == "" {
		return nil, &fs.PathError{Op: "restore", Path: path, Err: fs.ErrExist}
	}
	f, err := openLocked(path, os.O_RDWR, 0, defaultLockTimeout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// draft makes the restored store under another name, on disk when it returns.
func (r Restoring) draft(ctx context.Context, backup, path string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+copyMark+"*") // mode 0600
	if err != nil {
		return "", noSpace(err)
	}
	err = errors.Join(fillFrom(ctx, f, backup), f.Close())
	if err == nil {
		err = r.finish(ctx, f.Name())
	}
	if err != nil {
		return "", errors.Join(noSpace(err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func fillFrom(ctx context.Context, f *os.File, backup string) error {
	from, err := os.Open(backup)
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := io.Copy(f, &until{ctx, from}); err != nil {
		return err
	}
	return f.Sync()
}

// finish checks a draft and marks it. The check is of the copy: the backup may
// lie where nothing can be locked.
func (r Restoring) finish(ctx context.Context, draft string) error {
	found, err := CheckFile(ctx, draft)
	if err != nil {
		return err
	}
	if len(found.Faults) > 0 {
		return &FaultyError{found}
	}
	if r.Mark == nil {
		return nil
	}
	s, err := Open(draft, Config{})
	if err != nil {
		return err
	}
	return errors.Join(r.Mark(ctx, s), s.Close())
}

// keep gives the store that is there a second name. Its first one goes on being there: a
// crash must not leave a folder that looks new.
func keep(path, replaced string) error {
	if err := os.Link(path, replaced); err != nil {
		return err
	}
	return syncDir(filepath.Dir(replaced))
}

// putInPlace gives the draft the store's name. Where no store was, none may have come.
func putInPlace(draft, path string, old *os.File) error {
	if old != nil {
		return os.Rename(draft, path)
	}
	if err := os.Link(draft, path); err != nil {
		return err
	}
	return os.Remove(draft)
}
