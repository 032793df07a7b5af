package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/torture/disk"
)

// asHome makes the test binary a program that opens a home and says which keys it has. The
// store maps its file into memory, and a process must not map what it serves itself.
const asHome = "TORTURE_TEST_HOME"

func TestMain(m *testing.M) {
	folder := os.Getenv(asHome)
	if folder == "" {
		os.Exit(m.Run())
	}
	h, err := assembly.OpenHome(folder, "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(h.Keys.ID())
	_ = h.Close() // a kill would be as good
}

// TestANewHomeSurvivesEveryPowerCut: what a new data folder is made of is on disk before
// anything is accepted with it.
func TestANewHomeSurvivesEveryPowerCut(t *testing.T) {
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil || os.Geteuid() != 0 {
		t.Skip("not covered: fuse")
	} else {
		f.Close()
	}
	for seed := range uint64(10) {
		v, mount := disk.New(64<<20), t.TempDir()
		before := home(t, v, mount)
		v.Cut(rand.New(rand.NewPCG(seed, 0)))
		if after := home(t, v, mount); after != before {
			t.Errorf("cut %d: there is another home", seed)
		}
	}
}

// home opens the home on a disk in a process of its own, and returns which keys it has.
func home(t *testing.T, v *disk.Volume, mount string) string {
	t.Helper()
	unmount, err := v.Mount(mount)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asHome+"="+filepath.Join(mount, "var", "home"))
	id, err := cmd.CombinedOutput()
	if err := unmount(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Errorf("%v: %s", err, id)
	}
	return string(id)
}
