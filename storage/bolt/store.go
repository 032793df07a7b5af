package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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

	// lenient opens what can be checked: tables and rows may be other than the book says.
	lenient bool

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
	path    string
	config  Config
	archive archive // used by Commit

	mu     sync.Mutex // one Commit or Compact at a time
	failed error      // a commit failed for a reason unknown: what the file holds is, too

	swap sync.RWMutex // held while db becomes another one, by who has mu
	db   *bbolt.DB
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
	db, err := openDB(path, c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Store{path: path, config: c, db: db}, nil
}

func openDB(path string, c Config) (*bbolt.DB, error) {
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
		return nil, err
	}
	db.AllocSize = growth
	if fresh {
		if err := errors.Join(db.Update(create), syncDir(filepath.Dir(path))); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	if err := migrate(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openFile opens, locks and checks the file that bbolt is about to map. bbolt locks the
// same descriptor again, which changes nothing.
func openFile(path string, flag int, mode os.FileMode, c Config) (f *os.File, fresh bool, err error) {
	f, err = openLocked(path, flag, mode, c.LockTimeout)
	if err != nil {
		return nil, false, err
	}
	if !c.lenient {
		err = removeCopies(path)
	}
	if err == nil {
		fresh, err = inspect(f, c)
	}
	if fresh && c.lenient {
		err = broken("it has no tables")
	}
	if err != nil {
		return nil, false, errors.Join(err, f.Close())
	}
	return f, fresh, nil
}

// openLocked opens a file and locks it. A compaction or a restore puts another file in its
// place: who waited for the lock of the one before opens again, or two processes would
// each have a store under the same name.
func openLocked(path string, flag int, mode os.FileMode, timeout time.Duration) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, flag, mode)
		if err != nil {
			return nil, err
		}
		if err := lock(f, timeout); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		same, err := isAt(f, path)
		if err == nil && same {
			return f, nil
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
}

// isAt reports whether an open file is still the one under a name.
func isAt(f *os.File, path string) (bool, error) {
	own, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(own, named), err
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
	tx, err := s.begin()
	if err != nil {
		return closedIs(err)
	}
	defer tx.Rollback() // of a transaction that reads, it frees
	return f(tx)
}

func (s *Store) begin() (*bbolt.Tx, error) {
	s.swap.RLock()
	defer s.swap.RUnlock()
	return s.db.Begin(false)
}

func closedIs(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return storage.ErrClosed
	}
	return err
}
