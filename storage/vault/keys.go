package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Sentinels of the vault. Besides these it returns [storage.ErrDamaged],
// [storage.ErrFull], [storage.ErrLocked] and [storage.ErrClosed].
var (
	ErrKey   = errors.New("vault: not the key-encryption key of this keys file")
	ErrNoKey = errors.New("vault: the saga has no data key")
)

// Keys is an open keys file. Its methods may be called from several goroutines.
type Keys struct {
	random io.Reader

	writing sync.Mutex // one change of the file at a time
	disk    disk
	uses    []use // of each slot in the file
	lowest  int   // no free slot below
	failed  error // a write or sync failed: what the file holds is unknown

	mu     sync.RWMutex // never held while the disk works
	header header       // changed under both locks, as is
	kek    cipher.AEAD  // what its keys and those of the slots are wrapped with
	hashes []hashKey    // the newest first; never changed in place
	keys   map[saga.ID]*place
	closed bool
}

// place is where a saga's key rests.
type place struct {
	slot int
	key  [wrappedSize]byte
}

// disk is the part of *os.File that the keys file needs.
type disk interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// Init writes a new keys file without any data key. The file must not exist
// ([fs.ErrExist]): a store whose keys file is missing must not get an empty one.
func Init(path string, kek KEK) error { return initFile(path, kek, rand.Reader) }

func initFile(path string, kek KEK, random io.Reader) error {
	h, err := newHeader(newAEAD(kek[:]), random)
	if err != nil {
		return err
	}
	return createFile(path, append(h.bytes(), h.bytes()...))
}

// Open opens a keys file. ErrKey for the wrong key-encryption key, ErrLocked while another
// process has it open, [fs.ErrNotExist], ErrDamaged if its header cannot be read.
func Open(path string, kek KEK) (*Keys, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	k, err := openFile(f, kek)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return k, nil
}

func openFile(f *os.File, kek KEK) (*Keys, error) {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrLocked, err)
	}
	if err := private(f); err != nil {
		return nil, err
	}
	return load(f, kek, rand.Reader)
}

// load reads the file. It writes only to mend a header that was changed by halves.
func load(d disk, kek KEK, random io.Reader) (*Keys, error) {
	h, differ, err := readHeader(d)
	if err != nil {
		return nil, err
	}
	k := &Keys{random: random, disk: d, keys: map[saga.ID]*place{}}
	aead := newAEAD(kek[:])
	if _, err := unseal(aead, h.canary[:], h.binding("canary", nil)); err != nil {
		return nil, fmt.Errorf("%w: it is under another one: give the file that it was last rotated to, or that it was made with", ErrKey)
	}
	if err := k.adopt(h, aead, func() {}); err != nil {
		return nil, err
	}
	if err := k.loadSlots(); err != nil {
		return nil, err
	}
	if differ {
		return k, writeHeader(d, h)
	}
	return k, nil
}

func (k *Keys) loadSlots() error {
	r := io.NewSectionReader(k.disk, slotsFrom, 1<<62)
	b := make([]byte, slotSize)
	for i := 0; ; i++ {
		_, err := io.ReadFull(r, b)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil // a half slot at the end was never synced: the next one overwrites it
		}
		if err != nil {
			return err
		}
		s, u := parseSlot(b)
		if u == taken && s.kek != k.header.kek {
			u = stale
		}
		k.uses = append(k.uses, u)
		if u != taken {
			continue
		}
		if k.keys[s.id] != nil {
			return &storage.DamagedError{Saga: s.id, What: "two data keys"}
		}
		k.keys[s.id] = &place{slot: i, key: s.key}
	}
}

// ID names the keys file: random, for a store to remember which one is its own.
func (k *Keys) ID() string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return hex.EncodeToString(k.header.file[:])
}

// Len returns how many sagas have a data key.
func (k *Keys) Len() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.keys)
}

// Has reports whether the saga has a data key.
func (k *Keys) Has(id saga.ID) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys[id] != nil
}

// Close releases the file. Seal and Open return [storage.ErrClosed] from then on.
func (k *Keys) Close() error {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil
	}
	k.closed, k.failed = true, storage.ErrClosed
	clear(k.keys)
	return k.disk.Close()
}
