package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/expunge-io/expunge/storage"
)

// Config is how a store is opened. The zero value is right for production.
type Config struct {
	// LockTimeout is how long to wait for another process to close the store; 0: 1 s.
	LockTimeout time.Duration
	// MaxSize bounds the file, in bytes: a batch that would need more is ErrFull. 0: no bound.
	MaxSize int64
	// AcceptOlder opens a store of whose two meta pages one cannot be read, with what the
	// other says. The batch that was committed last may be missing then.
	AcceptOlder bool

	// For tests.
	pageSize int
	mapSize  int
}

const (
	defaultLockTimeout = time.Second
	lockPoll           = 20 * time.Millisecond
	pageSize           = 4096
	// mapSize is address space, not memory. A commit that outgrows the mapping has to wait
	// until every read has ended.
	mapSize = 1 << 30
	// growth is by how much the file grows at a time.
	growth = 1 << 20
)

func (c Config) withDefaults() (Config, error) {
	if c.LockTimeout < 0 || c.MaxSize < 0 {
		return c, errors.New("bolt: lock timeout and maximal size are not negative")
	}
	if c.LockTimeout == 0 {
		c.LockTimeout = defaultLockTimeout
	}
	if c.pageSize == 0 {
		c.pageSize = pageSize
	}
	if c.mapSize == 0 {
		c.mapSize = mapSize
	}
	return c, nil
}

// Store is a [storage.Store] in one file. Open makes it.
type Store struct {
	db      *bbolt.DB
	archive archive // used by Commit

	mu     sync.Mutex // one Commit at a time
	failed error      // a commit failed for a reason unknown: what the file holds is, too
}

// Open opens the store in a file, which is made (mode 0600) if it is not there. It reads
// the whole file once: ErrDamaged if its structure does not hold, or if any row is missing
// or an older one. A row that is damaged in itself is no reason not to open; reading it is
// ErrDamaged. ErrLocked while another process has the file open.
func Open(path string, c Config) (*Store, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	fresh := false
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, NoStatistics: true,
		PageSize: c.pageSize, InitialMmapSize: c.mapSize, MaxSize: int(c.MaxSize), Timeout: c.LockTimeout,
		OpenFile: func(path string, flag int, mode os.FileMode) (f *os.File, err error) {
			f, fresh, err = openFile(path, flag, mode, c)
			return f, err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db.AllocSize = growth
	if fresh {
		if err := errors.Join(db.Update(create), syncDir(filepath.Dir(path))); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
		}
	}
	if err := migrate(db); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return &Store{db: db}, nil
}

// openFile opens, locks and checks the file that bbolt is about to map. bbolt locks the
// same descriptor again, which changes nothing.
func openFile(path string, flag int, mode os.FileMode, c Config) (f *os.File, fresh bool, err error) {
	f, err = os.OpenFile(path, flag, mode)
	if err != nil {
		return nil, false, err
	}
	if err = lock(f, c.LockTimeout); err == nil {
		fresh, err = inspect(f, c.AcceptOlder)
	}
	if err != nil {
		return nil, false, errors.Join(err, f.Close())
	}
	return f, fresh, nil
}

func lock(f *os.File, timeout time.Duration) error {
	for waited := time.Duration(0); ; waited += lockPoll {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if waited >= timeout {
			return storage.ErrLocked
		}
		time.Sleep(lockPoll) //nolint:forbidigo // flock tells nobody when it is free, and Open has no context
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the folder of the path that the operator gave
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close waits for running reads. Every later call returns [storage.ErrClosed].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db.Close()
}

// view runs f in a read transaction. What f gets from it must not leave it.
func (s *Store) view(ctx context.Context, f func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return closedIs(s.db.View(f))
}

func closedIs(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return storage.ErrClosed
	}
	return err
}
