package disk_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/expunge-io/expunge/torture/disk"
)

type rig struct {
	t       *testing.T
	volume  *disk.Volume
	folder  string
	unmount func() error
}

func mounted(t *testing.T, capacity int64) *rig {
	t.Helper()
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil || os.Geteuid() != 0 {
		t.Skip("not covered: fuse")
	} else {
		f.Close()
	}
	r := &rig{t: t, volume: disk.New(capacity), folder: t.TempDir()}
	r.mount()
	t.Cleanup(func() { _ = r.unmount() })
	return r
}

func (r *rig) mount() {
	r.t.Helper()
	var err error
	if r.unmount, err = r.volume.Mount(r.folder); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) cut(seed uint64) {
	r.t.Helper()
	if err := r.unmount(); err != nil {
		r.t.Fatal(err)
	}
	r.volume.Cut(rand.New(rand.NewPCG(seed, 0)))
	r.mount()
}

func (r *rig) path(name string) string { return filepath.Join(r.folder, name) }

func (r *rig) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) sync(name string) {
	r.t.Helper()
	f, err := os.Open(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(name string) string {
	b, err := os.ReadFile(r.path(name))
	if os.IsNotExist(err) {
		return "(gone)"
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func TestWhatIsSyncedSurvivesEveryCut(t *testing.T) {
	r := mounted(t, 1<<20)
	r.write("a", "kept")
	r.sync("a")
	r.sync("")
	for seed := range uint64(20) {
		r.cut(seed)
		if got := r.read("a"); got != "kept" {
			t.Fatalf("after cut %d: %q", seed, got)
		}
	}
}

// Each of the things that a program may forget to sync is lost in some cut, and kept in
// another.
func TestWhatIsNotSyncedMayBeLost(t *testing.T) {
	content, entry, rename := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for seed := range uint64(20) {
		r := mounted(t, 1<<20)
		r.write("a", "old")
		r.sync("a")
		r.sync("")
		r.write("a", "new")
		r.write("b", "b")
		r.sync("b")
		if err := os.Rename(r.path("b"), r.path("c")); err != nil {
			t.Fatal(err)
		}
		r.cut(seed)
		content[r.read("a")] = true
		entry[r.read("b")] = true
		rename[r.read("c")] = true
	}
	for name, seen := range map[string]map[string]bool{"content": content, "entry": entry, "rename": rename} {
		if len(seen) < 2 {
			t.Errorf("%s: always %v", name, seen)
		}
	}
	if !content["new"] || !entry["b"] || !entry["(gone)"] || !rename["b"] {
		t.Errorf("never seen: %v %v %v", content, entry, rename)
	}
}

func TestAFullDiskSaysSoAndKeepsWhatItHas(t *testing.T) {
	r := mounted(t, 1<<20)
	r.write("a", "kept")
	free := r.volume.Fill(8 << 10)
	err := os.WriteFile(r.path("b"), make([]byte, 64<<10), 0o600)
	if pe, ok := err.(*os.PathError); !ok || pe.Err != syscall.ENOSPC {
		t.Errorf("more than there is room for: %v", err)
	}
	free()
	if err := os.WriteFile(r.path("b"), make([]byte, 64<<10), 0o600); err != nil || r.read("a") != "kept" {
		t.Errorf("with room again: %v", err)
	}
}

// asMapper makes the test binary a program that maps a file and writes to it: a process must
// not map what it serves itself.
const asMapper = "TORTURE_TEST_MAP"

func TestMain(m *testing.M) {
	if path := os.Getenv(asMapper); path != "" {
		if err := mapped(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// mapped reports a map of a file that does not show what is written to the file.
func mapped(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(64 << 10); err != nil {
		return err
	}
	m, err := syscall.Mmap(int(f.Fd()), 0, 64<<10, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	for i := range int64(8) {
		text := bytes.Repeat([]byte{byte('a' + i)}, 6000)
		if _, err := f.WriteAt(text, i*8000); err != nil {
			return err
		}
		if !bytes.Equal(m[i*8000:i*8000+6000], text) {
			return fmt.Errorf("the map does not show write %d", i)
		}
	}
	return nil
}

// A map of a file shows what is written to it, as bbolt needs.
func TestAMapSeesWrites(t *testing.T) {
	r := mounted(t, 1<<20)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asMapper+"="+r.path("db"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
