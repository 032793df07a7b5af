package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/expunge-io/expunge/storage"
)

// A copy is made beside its store, under the store's name and copyMark. Open removes what
// a crash left of one: it holds sealed boxes, and is of no use to anybody.
const copyMark = ".copy-"

// copyBytes is how much a transaction of the copy takes: it is held in memory.
const copyBytes = 4 << 20

// packed is how full the pages of a copy are: rows are written once and in order.
const packed = 0.9

// copied writes the store, as it is after the last batch, into a new file beside it, and
// returns the file's path once it is on disk and was checked. It holds the rows and nothing
// else: no freed page, which may still show what a row once was. The caller removes it.
func (s *Store) copied(ctx context.Context) (path string, err error) {
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+copyMark+"*") // mode 0600
	if err != nil {
		return "", noSpace(err)
	}
	path = f.Name()
	err = f.Close()
	if err == nil {
		err = s.view(ctx, func(tx *bbolt.Tx) error { return copyTx(ctx, tx, path) })
	}
	if err == nil {
		err = settle(path)
	}
	if err != nil {
		return "", errors.Join(noSpace(err), os.Remove(path))
	}
	return path, nil
}

// noSpace makes the error of a full disk a [storage.ErrFull]: what is copied stays as it is.
func noSpace(err error) error {
	if full(err) {
		return fmt.Errorf("%w: copy: %w", storage.ErrFull, err)
	}
	return err
}

// copyTx copies all tables row by row. Nothing is synced on the way: a copy that a crash
// cut off is never used.
func copyTx(ctx context.Context, tx *bbolt.Tx, path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, NoStatistics: true, NoSync: true, NoGrowSync: true,
		PageSize: tx.DB().Info().PageSize, InitialMmapSize: int(2*tx.Size()) + growth,
	})
	if err != nil {
		return err
	}
	db.AllocSize = growth
	err = tx.ForEach(func(name []byte, from *bbolt.Bucket) error { return copyTable(ctx, db, name, from) })
	return errors.Join(err, db.Close())
}

func copyTable(ctx context.Context, db *bbolt.DB, name []byte, from *bbolt.Bucket) error {
	cursor := from.Cursor()
	key, row := cursor.First()
	for {
		err := db.Update(func(tx *bbolt.Tx) error {
			to, err := tx.CreateBucketIfNotExists(name)
			if err != nil {
				return err
			}
			to.FillPercent = packed
			for size := 0; key != nil && size < copyBytes; key, row = cursor.Next() {
				if err := to.Put(key, row); err != nil {
					return err
				}
				size += len(key) + len(row)
			}
			return ctx.Err()
		})
		if err != nil || key == nil {
			return err
		}
	}
}

// settle checks a copy against its own book, cuts off what it does not use, and syncs it.
func settle(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(settleFile(f), f.Close())
}

func settleFile(f *os.File) error {
	if _, err := inspect(f, Config{}); err != nil {
		return fmt.Errorf("the copy: %w", err)
	}
	m, err := readMeta(f, Config{}.AcceptOlder)
	if err != nil {
		return err
	}
	if err := f.Truncate(int64(m.pages) * m.pageSize); err != nil {
		return err
	}
	return f.Sync()
}

// removeCopies removes what crashes left of copies of the store at path. The caller has
// the store locked, so nobody is making one.
func removeCopies(path string) error {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), base+copyMark) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
