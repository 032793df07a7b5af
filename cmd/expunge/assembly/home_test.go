package assembly_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/storage"
)

func openHome(t *testing.T, folder, kek string) *assembly.Home {
	t.Helper()
	h, err := assembly.OpenHome(folder, kek)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func TestANewFolderGetsWhatItLacksAndKeepsIt(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "not", "there", "yet")
	first := openHome(t, folder, "")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := openHome(t, folder, "")
	if again.Instance != first.Instance || first.Instance == "" || again.Keys.ID() != first.Keys.ID() {
		t.Errorf("instance %q, then %q; keys %s, then %s", first.Instance, again.Instance, first.Keys.ID(), again.Keys.ID())
	}
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		info, _ := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v lets others in", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A process may be killed between any two of the files that a new folder needs.
func TestAFolderThatWasMadeByHalvesIsCompleted(t *testing.T) {
	whole := t.TempDir()
	if err := openHome(t, whole, "").Close(); err != nil {
		t.Fatal(err)
	}
	for _, there := range [][]string{{}, {"kek"}, {"kek", "keys"}, {"kek", "keys", "expunge.db"}} {
		folder := t.TempDir()
		for _, name := range there {
			b, err := os.ReadFile(filepath.Join(whole, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if h, err := assembly.OpenHome(folder, ""); err != nil {
			t.Errorf("with %v: %v", there, err)
		} else if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A store without its keys cannot be read; new keys would hide that.
func TestAStoreIsNeverGivenNewKeys(t *testing.T) {
	for _, lost := range []string{"keys", "kek"} {
		folder := t.TempDir()
		if err := openHome(t, folder, "").Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(folder, lost)); err != nil {
			t.Fatal(err)
		}
		if _, err := assembly.OpenHome(folder, ""); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("without %s: %v", lost, err)
		}
		if _, err := os.Stat(filepath.Join(folder, lost)); err == nil {
			t.Errorf("%s was made anew", lost)
		}
	}
}

func TestAFolderIsOneProcessAtATime(t *testing.T) {
	folder := t.TempDir()
	openHome(t, folder, "")
	_, err := assembly.OpenHome(folder, "")
	if !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), "in use by another expunge") {
		t.Errorf("opened twice: %v", err)
	}
}

func TestAKeyFileThatIsNamedIsNotMade(t *testing.T) {
	_, err := assembly.OpenHome(t.TempDir(), filepath.Join(t.TempDir(), "kek"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing key file: %v", err)
	}
}
