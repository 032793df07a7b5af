package vault

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Report is what [Check] found in a keys file.
type Report struct {
	Keys       int    // data keys
	HashKeys   int    // versions of the hash key
	Generation uint32 // of the key-encryption key: one more than it was rotated
	Leftovers  int    // slots that a crash left; the next Sweep erases them
	Faults     []Fault
	IDs        []saga.ID // whose the data keys are, in no order
}

// Fault is a data key that cannot be unwrapped.
type Fault struct {
	Saga saga.ID
	What string
}

// Check reads a keys file, also one that another process has open, and unwraps every key in
// it. It changes nothing. ErrKey, ErrDamaged and [fs.ErrNotExist] as of Open.
func Check(path string, kek KEK) (Report, error) {
	k, err := snapshot(path, kek)
	if err != nil {
		return Report{}, err
	}
	return k.report(), nil
}

func (k *Keys) report() Report {
	r := Report{Keys: len(k.keys), HashKeys: len(k.hashes), Generation: k.header.kek, Leftovers: len(k.leftovers())}
	for id := range k.keys {
		r.IDs = append(r.IDs, id)
		if _, err := k.dataKey(id); err != nil {
			r.Faults = append(r.Faults, Fault{id, err.Error()})
		}
	}
	return r
}

// Backup writes what counts of a keys file, also of one that another process has open, to a
// new file (mode 0600, synced): header and data keys, no leftovers. It returns how many data
// keys that are. Every one was unwrapped first; ErrDamaged if one cannot be. The new file
// must not exist ([fs.ErrExist]). [storage.ErrFull] leaves none.
//
// A key that is made or destroyed meanwhile may be in it or not. Taken after a backup of
// the store, it so has the keys of all sagas that are live in both.
func Backup(path, to string, kek KEK) (keys int, err error) {
	k, err := snapshot(path, kek)
	if err != nil {
		return 0, err
	}
	if f := k.report().Faults; len(f) > 0 {
		return 0, &storage.DamagedError{Saga: f[0].Saga, What: "data key"}
	}
	b := append(k.header.bytes(), k.header.bytes()...)
	for id, p := range k.keys {
		b = append(b, slot{id: id, kek: k.header.kek, key: p.key}.bytes()...)
	}
	if err := createFile(to, b); full(err) {
		return 0, fmt.Errorf("%w: keys backup: %w", storage.ErrFull, err)
	} else if err != nil {
		return 0, err
	}
	return len(k.keys), nil
}

// snapshots is how often a file is read that changes its header at that moment, which a
// rotation does once.
const snapshots = 10

// snapshot loads a keys file as it is at one moment: slots are written whole or are torn,
// and only a change of the header moves what counts from slot to slot.
func snapshot(path string, kek KEK) (*Keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := private(f); err != nil {
		return nil, err
	}
	for range snapshots {
		b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<62))
		if err != nil {
			return nil, err
		}
		again := make([]byte, min(slotsFrom, len(b)))
		if _, err := f.ReadAt(again, 0); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if !bytes.Equal(again, b[:len(again)]) {
			continue
		}
		k, err := load(&memory{b}, kek, rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return k, nil
	}
	return nil, fmt.Errorf("%s: it changes all the time", path)
}

// memory is a disk that forgets: what is read from a copy changes no file.
type memory struct{ content []byte }

func (m *memory) ReadAt(b []byte, off int64) (int, error) {
	return bytes.NewReader(m.content).ReadAt(b, off)
}

func (m *memory) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (m *memory) Sync() error                            { return nil }
func (m *memory) Truncate(int64) error                   { return nil }
func (m *memory) Close() error                           { return nil }
