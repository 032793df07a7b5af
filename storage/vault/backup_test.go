package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

func TestBackupOfKeysAtWorkOpens(t *testing.T) {
	k, path := newKeys(t)
	must(t, k.Create("a", "b", "c"))
	must(t, k.Destroy("b"))
	box, err := k.Seal("a", []byte("somebody"))
	must(t, err)
	to := path + "-backup"
	if n, err := Backup(path, to, testKEK); n != 2 || err != nil {
		t.Fatalf("got %d keys, %v", n, err)
	}
	info, err := os.Stat(to)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
	if _, err := Backup(path, to, testKEK); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another one: got %v, want %v", err, fs.ErrExist)
	}
	b := open(t, to)
	if got, err := b.Open("a", box); err != nil || string(got) != "somebody" || b.ID() != k.ID() {
		t.Errorf("got %q, %v", got, err)
	}
	if b.Has("b") || !b.Has("c") || b.Pseudonym("r", "u") != k.Pseudonym("r", "u") {
		t.Error("the backup is not what the file was")
	}
	if _, err := Backup(path, to+"2", KEK{9}); !errors.Is(err, ErrKey) {
		t.Errorf("another key: got %v, want %v", err, ErrKey)
	}
}

// TestBackupBesideChanges: a key that is there all the time is in every backup, also when
// the file is rotated at that moment.
func TestBackupBesideChanges(t *testing.T) {
	k, path := newKeys(t)
	var stay []saga.ID
	for i := range 50 {
		stay = append(stay, saga.ID(fmt.Sprint("stay", i)))
	}
	must(t, k.Create(stay...))
	keks := []KEK{testKEK, otherKEK}
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(ended)
		for i := range 30 {
			id := saga.ID(fmt.Sprint("goes", i))
			if err := errors.Join(k.Create(id), k.Rotate(keks[(i+1)%2]), k.Destroy(id)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	backups := 0
	for going := true; going; {
		select {
		case <-ended:
			going = false
		default:
		}
		to := fmt.Sprintf("%s-%d", path, backups)
		_, err := Backup(path, to, keks[backups%2])
		backups++
		if errors.Is(err, ErrKey) {
			continue
		}
		must(t, err)
		r, err := Check(to, keks[(backups+1)%2])
		must(t, err)
		if r.Keys < len(stay) || len(r.Faults) > 0 || r.Leftovers > 0 {
			t.Fatalf("backup %d: %d keys, %d leftovers, %+v", backups, r.Keys, r.Leftovers, r.Faults)
		}
	}
	wg.Wait()
}

func TestCheckTellsWhatIsWrong(t *testing.T) {
	k, path := newKeys(t)
	must(t, k.Create("a", "b"))
	must(t, k.RotateHashKey())
	must(t, k.Close())
	file, err := os.ReadFile(path)
	must(t, err)
	s, _ := parseSlot(file[slotsFrom : slotsFrom+slotSize])
	s.key[20] ^= 1
	copy(file[slotsFrom:], s.bytes())
	must(t, os.WriteFile(path, append(file, bytes.Repeat([]byte{1}, slotSize)...), 0o600))
	r, err := Check(path, testKEK)
	must(t, err)
	if r.Keys != 2 || r.HashKeys != 2 || r.Generation != 1 || r.Leftovers != 1 || len(r.Faults) != 1 || r.Faults[0].Saga != s.id {
		t.Errorf("got %+v", r)
	}
	if _, err := Backup(path, path+"-backup", testKEK); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("backup: got %v, want %v", err, storage.ErrDamaged)
	}
	if _, err := Check(path+"x", testKEK); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
}
