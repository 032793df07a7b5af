package vault

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// tape is a disk in memory that breaks after a number of written bytes.
type tape struct {
	content []byte
	synced  []byte // as of the last sync
	left    int    // bytes that may still be written; negative: any number
	cause   error
	mends   bool // breaks once
	noSync  bool
}

var errCrash = errors.New("the process died")

func (d *tape) ReadAt(b []byte, off int64) (int, error) {
	return bytes.NewReader(d.content).ReadAt(b, off)
}

func (d *tape) WriteAt(b []byte, off int64) (n int, err error) {
	n = len(b)
	if d.left >= 0 && n > d.left {
		n, err = d.left, d.cause
	}
	if d.left >= 0 {
		d.left -= n
	}
	if err != nil && d.mends {
		d.left = -1
	}
	if n > 0 {
		d.content = append(d.content, make([]byte, max(0, int(off)+n-len(d.content)))...)
		copy(d.content[off:], b[:n])
	}
	return n, err
}

func (d *tape) Sync() error {
	if d.noSync || d.left == 0 && d.cause == errCrash {
		return errCrash
	}
	d.synced = bytes.Clone(d.content)
	return nil
}

func (d *tape) Truncate(size int64) error {
	d.content = append(d.content, make([]byte, max(0, int(size)-len(d.content)))...)[:size]
	return nil
}

func (d *tape) Close() error { return nil }

// outcomes are what may be on disk after a crash: all that was written, only what was
// synced, and any mixture of both slot by slot, of which these are some.
func (d *tape) outcomes() [][]byte {
	even, odd := bytes.Clone(d.content), bytes.Clone(d.content)
	for at := slotsFrom; at < len(d.content); at += slotSize {
		before := make([]byte, slotSize)
		if at < len(d.synced) {
			copy(before, d.synced[at:])
		}
		target := even
		if at/slotSize%2 == 1 {
			target = odd
		}
		copy(target[at:], before)
	}
	return [][]byte{d.content, d.synced, even, odd}
}

// base is a keys file with the keys of x, y and z, and a box of x.
func base(t *testing.T) (file, box []byte) {
	t.Helper()
	h, err := newHeader(newAEAD(testKEK[:]), rand.Reader)
	must(t, err)
	d := &tape{content: append(h.bytes(), h.bytes()...), left: -1}
	k := loaded(t, d)
	must(t, k.Create("x", "y", "z"))
	must(t, k.Destroy("y")) // leaves a gap
	box, err = k.Seal("x", []byte("somebody"))
	must(t, err)
	return d.content, box
}

func loaded(t *testing.T, d *tape) *Keys {
	t.Helper()
	return loadedWith(t, d, testKEK)
}

func loadedWith(t *testing.T, d *tape, kek KEK) *Keys {
	t.Helper()
	k, err := load(d, kek, rand.Reader)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return k
}

// crashes runs change on a disk that breaks after every number of bytes in turn, and check
// on all that may then be on disk. finished says whether change had returned nil.
func crashes(t *testing.T, change func(*Keys) error, check func(t *testing.T, k *Keys, d *tape, finished bool)) {
	crashesOf(t, change, loaded, check)
}

// crashesOf is crashes for a change after which the file is opened in another way.
func crashesOf(t *testing.T, change func(*Keys) error, reopen func(*testing.T, *tape) *Keys,
	check func(t *testing.T, k *Keys, d *tape, finished bool),
) {
	file, box := base(t)
	for n, finished := 0, false; !finished; n++ {
		d := &tape{content: bytes.Clone(file), synced: file, left: n, cause: errCrash}
		err := change(loaded(t, d))
		finished = err == nil
		if !finished && !errors.Is(err, errCrash) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		for _, content := range d.outcomes() {
			d := &tape{content: bytes.Clone(content), left: -1}
			k := reopen(t, d)
			if got, err := k.Open("x", box); err != nil || string(got) != "somebody" {
				t.Fatalf("after %d bytes: x opens as %q, %v", n, got, err)
			}
			check(t, k, d, finished)
		}
		if t.Failed() {
			t.Fatalf("after %d bytes", n)
		}
	}
}

func TestCreateIsSafeFromACrashAtEveryByte(t *testing.T) {
	ids := []saga.ID{"a", "b", "c"}
	crashes(t, func(k *Keys) error { return k.Create(ids...) }, func(t *testing.T, k *Keys, d *tape, finished bool) {
		for _, id := range ids {
			if finished && !k.Has(id) {
				t.Errorf("create returned, but the key of %s is not on disk", id)
			}
			if _, err := k.Seal(id, nil); k.Has(id) && err != nil {
				t.Errorf("the key of %s is there but of no use: %v", id, err)
			}
		}
		sweepAndExpect(t, k, d, "x", "z")
	})
}

func TestDestroyIsSafeFromACrashAtEveryByte(t *testing.T) {
	crashes(t, func(k *Keys) error { return k.Destroy("z") }, func(t *testing.T, k *Keys, d *tape, finished bool) {
		if finished && k.Has("z") {
			t.Error("destroy returned, but the key is on disk")
		}
		sweepAndExpect(t, k, d, "x")
	})
}

func TestRotatingTheHashKeyIsSafeFromACrashAtEveryByte(t *testing.T) {
	crashes(t, (*Keys).RotateHashKey, func(t *testing.T, k *Keys, d *tape, finished bool) {
		all := k.HashAll("domain", "part")
		if finished && len(all) != 2 {
			t.Errorf("rotate returned, but there are %d hash keys on disk", len(all))
		}
		if again := loaded(t, d).HashAll("domain", "part"); !slices.Equal(again, all) {
			t.Errorf("opened again: got %q, before %q", again, all)
		}
		if !bytes.Equal(d.content[:headerSize], d.content[headerSize:slotsFrom]) {
			t.Error("the header was not mended")
		}
	})
}

// sweepAndExpect sweeps all but the live, and looks for anything else in the file.
func sweepAndExpect(t *testing.T, k *Keys, d *tape, live ...saga.ID) {
	t.Helper()
	if _, err := k.Sweep(func(id saga.ID) bool { return slices.Contains(live, id) }); err != nil {
		t.Errorf("sweep: %v", err)
	}
	var rest []saga.ID
	for at := slotsFrom; at+slotSize <= len(d.content); at += slotSize {
		s, u := parseSlot(d.content[at : at+slotSize])
		if u == taken {
			rest = append(rest, s.id)
		}
		if u == torn {
			t.Errorf("a torn slot is left at %d", at)
		}
	}
	if slices.Sort(rest); !slices.Equal(rest, live) {
		t.Errorf("swept: got keys of %q, want %q", rest, live)
	}
}

func TestFullDiskLeavesTheKeysUsable(t *testing.T) {
	file, box := base(t)
	for n := range 3 * slotSize {
		d := &tape{content: bytes.Clone(file), left: n, cause: syscall.ENOSPC, mends: true}
		k := loaded(t, d)
		if err := k.Create("a", "b", "c"); !errors.Is(err, storage.ErrFull) {
			t.Fatalf("%d bytes: got %v, want %v", n, err, storage.ErrFull)
		}
		if k.Has("a") || k.Has("b") || k.Has("c") || !bytes.Equal(d.content, file) {
			t.Fatalf("%d bytes: something of the failed create is left", n)
		}
		must(t, k.Create("a", "b", "c"))
		if _, err := k.Open("x", box); err != nil {
			t.Fatal(err)
		}
		sweepAndExpect(t, loaded(t, d), d, "a", "b", "c", "x", "z")
	}
}

// TestSmallTmpfs fills a real disk.
func TestSmallTmpfs(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("not covered: small tmpfs (needs root): ", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	path := filepath.Join(dir, "keys")
	must(t, Init(path, testKEK))
	k := open(t, path)
	must(t, k.Create("a"))
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<10), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	var many []saga.ID
	for i := range 100 {
		many = append(many, saga.ID(bytes.Repeat([]byte{'m'}, i%longestID+1)))
	}
	if err := k.Create(many...); !errors.Is(err, storage.ErrFull) {
		t.Fatalf("got %v, want %v", err, storage.ErrFull)
	}
	must(t, os.Remove(ballast))
	must(t, k.Create(many...))
	if err := os.WriteFile(ballast, make([]byte, 64<<10), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	if err := k.Rotate(otherKEK); !errors.Is(err, storage.ErrFull) {
		t.Fatalf("rotate: got %v, want %v", err, storage.ErrFull)
	}
	if _, err := Backup(path, filepath.Join(dir, "backup"), testKEK); !errors.Is(err, storage.ErrFull) {
		t.Fatalf("backup: got %v, want %v", err, storage.ErrFull)
	}
	must(t, os.Remove(ballast))
	if left, err := filepath.Glob(filepath.Join(dir, "backup*")); len(left) > 0 || err != nil {
		t.Errorf("left over: %q, %v", left, err)
	}
	must(t, k.Rotate(otherKEK))
	must(t, k.Close())
	k, err := Open(path, otherKEK)
	must(t, err)
	if len(k.keys) != longestID+1 {
		t.Errorf("got %d keys, want %d", len(k.keys), longestID+1)
	}
	must(t, k.Close())
}

func TestFailedSyncEndsWriting(t *testing.T) {
	file, _ := base(t)
	for name, change := range map[string]func(*Keys) error{
		"create":  func(k *Keys) error { return k.Create("a") },
		"destroy": func(k *Keys) error { return k.Destroy("x") },
		"rotate":  (*Keys).RotateHashKey,
		"rekey":   func(k *Keys) error { return k.Rotate(otherKEK) },
	} {
		d := &tape{content: bytes.Clone(file), left: -1, noSync: true}
		k := loaded(t, d)
		if err := change(k); !errors.Is(err, errCrash) {
			t.Errorf("%s: got %v, want %v", name, err, errCrash)
		}
		d.noSync = false
		if err := k.Create("b"); !errors.Is(err, errCrash) {
			t.Errorf("after a failed %s: got %v, want %v", name, err, errCrash)
		}
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	file, box := base(t)
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 1 << (i % 8)
		k, err := load(&tape{content: changed, left: -1}, testKEK, rand.Reader)
		if err != nil {
			t.Errorf("byte %d: %v", i, err) // the header is there twice
			continue
		}
		got, err := k.Open("x", box)
		if string(got) != "somebody" && !errors.Is(err, ErrNoKey) {
			t.Errorf("byte %d: got %q, %v", i, got, err)
		}
	}
	clear(file[:slotsFrom])
	if _, err := load(&tape{content: file}, testKEK, rand.Reader); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("without a header: got %v, want %v", err, storage.ErrDamaged)
	}
}

func FuzzLoad(f *testing.F) {
	h, err := newHeader(newAEAD(testKEK[:]), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(h.bytes(), h.bytes()...))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := load(&tape{content: b, left: -1}, testKEK, rand.Reader)
		if err != nil {
			return
		}
		if err := k.Create("a"); err != nil {
			t.Error(err)
		}
	})
}

var _ io.ReaderAt = (*tape)(nil)
