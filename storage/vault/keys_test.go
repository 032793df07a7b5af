package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

var testKEK = KEK{1, 2, 3}

func newKeys(t *testing.T) (k *Keys, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keys")
	if err := Init(path, testKEK); err != nil {
		t.Fatal(err)
	}
	return open(t, path), path
}

func open(t *testing.T, path string) *Keys {
	t.Helper()
	k, err := Open(path, testKEK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestBoxOpensAfterReopeningAndOnlyAsItsSagas(t *testing.T) {
	k, path := newKeys(t)
	must(t, k.Create("a", "b", "a"))
	box, err := k.Seal("a", []byte("somebody"))
	must(t, err)
	must(t, k.Close())

	k = open(t, path)
	if got, err := k.Open("a", box); err != nil || string(got) != "somebody" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := k.Open("b", box); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("as another saga's: got %v, want %v", err, storage.ErrDamaged)
	}
	for i := range box {
		changed := bytes.Clone(box)
		changed[i] ^= 1
		if _, err := k.Open("a", changed); !errors.Is(err, storage.ErrDamaged) {
			t.Errorf("byte %d changed: got %v, want %v", i, err, storage.ErrDamaged)
		}
	}
	if _, err := k.Seal("c", nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("without a key: got %v, want %v", err, ErrNoKey)
	}
}

func TestTwoBoxesOfOnePlaintextDiffer(t *testing.T) {
	k, _ := newKeys(t)
	must(t, k.Create("a"))
	first, err := k.Seal("a", []byte("somebody"))
	must(t, err)
	second, err := k.Seal("a", []byte("somebody"))
	must(t, err)
	if bytes.Equal(first, second) {
		t.Error("the boxes are equal")
	}
}

func TestCreateKeepsAKeyThatIsThere(t *testing.T) {
	k, _ := newKeys(t)
	must(t, k.Create("a"))
	box, err := k.Seal("a", []byte("somebody"))
	must(t, err)
	must(t, k.Create("a", "b"))
	if _, err := k.Open("a", box); err != nil {
		t.Error(err)
	}
}

func TestDestroyLeavesNothingOfTheKey(t *testing.T) {
	k, path := newKeys(t)
	must(t, k.Create("a", "b", "c"))
	box, err := k.Seal("b", []byte("somebody"))
	must(t, err)
	inMemory := k.keys["b"]
	s := slot{id: "b", kek: 1, key: inMemory.key}
	if !contains(t, path, s.bytes()[1:]) {
		t.Fatal("the key is not in the file to begin with: the test would prove nothing")
	}

	must(t, k.Destroy("b", "unknown"))
	if inMemory.key != [wrappedSize]byte{} {
		t.Error("the wrapped key is still in memory")
	}
	for i := range len(s.key) - 3 {
		if contains(t, path, s.key[i:i+4]) {
			t.Errorf("bytes %d to %d of the wrapped key are still in the file", i, i+4)
		}
	}
	if _, err := k.Open("b", box); !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v, want %v", err, ErrNoKey)
	}
	must(t, k.Close())
	k = open(t, path)
	if k.Has("b") || !k.Has("a") || !k.Has("c") {
		t.Errorf("after reopening: a %v, b %v, c %v", k.Has("a"), k.Has("b"), k.Has("c"))
	}
	must(t, k.Create("b")) // in the old place, and with another key
	if _, err := k.Open("b", box); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("with a new key: got %v, want %v", err, storage.ErrDamaged)
	}
}

func TestNoKeyRestsUnwrapped(t *testing.T) {
	k, path := newKeys(t)
	must(t, k.Create("a"))
	wrapped := k.keys["a"].key
	key, err := unseal(k.kek, wrapped[:], k.header.binding("data-key", []byte("a")))
	must(t, err)
	for _, secret := range [][]byte{key, k.hashes[0].key[:], testKEK[:]} {
		if contains(t, path, secret[:8]) {
			t.Error("a key is in the file as it is")
		}
	}
}

func contains(t *testing.T, path string, part []byte) bool {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return bytes.Contains(b, part)
}

func TestFileShrinksWhenItsEndIsFree(t *testing.T) {
	k, path := newKeys(t)
	var ids []saga.ID
	for i := range 2 * slack {
		ids = append(ids, saga.ID(fmt.Sprint("s", i)))
	}
	must(t, k.Create(ids...))
	must(t, k.Destroy(ids[1:]...))
	info, err := os.Stat(path)
	must(t, err)
	if want := slotAt(1); info.Size() != want {
		t.Errorf("got %d bytes, want %d", info.Size(), want)
	}
	must(t, k.Create("new"))
	must(t, k.Close())
	if k = open(t, path); !k.Has("s0") || !k.Has("new") || len(k.keys) != 2 {
		t.Errorf("after reopening: %d keys", len(k.keys))
	}
}

func TestOrphansAreSwept(t *testing.T) {
	k, path := newKeys(t)
	must(t, k.Create("committed"))
	must(t, k.Create("orphan")) // the process dies before its batch is committed
	must(t, k.Close())

	k = open(t, path)
	n, err := k.Sweep(func(id saga.ID) bool { return id == "committed" })
	if n != 1 || err != nil || k.Has("orphan") || !k.Has("committed") {
		t.Errorf("swept %d, %v: orphan %v, committed %v", n, err, k.Has("orphan"), k.Has("committed"))
	}
}

func TestOpenRefuses(t *testing.T) {
	k, path := newKeys(t)
	if _, err := Open(path, testKEK); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("open twice: got %v, want %v", err, storage.ErrLocked)
	}
	must(t, k.Close())
	if _, err := Open(path, KEK{9}); !errors.Is(err, ErrKey) {
		t.Errorf("another KEK: got %v, want %v", err, ErrKey)
	}
	if _, err := Open(path+"x", testKEK); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v, want %v", err, fs.ErrNotExist)
	}
	if err := Init(path, testKEK); !errors.Is(err, fs.ErrExist) {
		t.Errorf("init over a file: got %v, want %v", err, fs.ErrExist)
	}
	must(t, os.Chmod(path, 0o640))
	if _, err := Open(path, testKEK); err == nil {
		t.Error("open let a file pass that its group may read")
	}
	left, err := filepath.Glob(path + ".*")
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

func TestClosedKeysSaySo(t *testing.T) {
	k, _ := newKeys(t)
	must(t, k.Create("a"))
	must(t, k.Close())
	_, sealErr := k.Seal("a", nil)
	_, openErr := k.Open("a", nil)
	_, sweepErr := k.Sweep(func(saga.ID) bool { return true })
	for _, err := range []error{sealErr, openErr, sweepErr, k.Create("b"), k.Destroy("a"), k.RotateHashKey()} {
		if !errors.Is(err, storage.ErrClosed) {
			t.Errorf("got %v, want %v", err, storage.ErrClosed)
		}
	}
	must(t, k.Close())
}

func TestKeysAreUsedConcurrently(t *testing.T) {
	k, _ := newKeys(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 10 {
				id := saga.ID(fmt.Sprintf("%d-%d", w, i))
				if err := roundTrip(k, id); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	wg.Go(func() {
		if err := k.RotateHashKey(); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if len(k.keys) != 0 {
		t.Errorf("%d keys are left", len(k.keys))
	}
}

func roundTrip(k *Keys, id saga.ID) error {
	if err := k.Create(id); err != nil {
		return err
	}
	box, err := k.Seal(id, []byte(id))
	if err != nil {
		return err
	}
	if got, err := k.Open(id, box); err != nil || string(got) != string(id) {
		return fmt.Errorf("got %q: %w", got, err)
	}
	k.Pseudonym("realm", string(id))
	if err := k.Destroy(id); err != nil {
		return err
	}
	if _, err := k.Open(id, box); !errors.Is(err, ErrNoKey) {
		return fmt.Errorf("destroyed, but: %w", err)
	}
	return nil
}
