package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

var otherKEK = KEK{4, 5, 6}

// opened counts what a key-encryption key opens in a file: at every offset, as anything
// that the file could hold.
func opened(file []byte, kek KEK, ids ...saga.ID) (n int) {
	return openedAt(file, everyOffset(file), kek, ids...)
}

func everyOffset(file []byte) (offsets []int) {
	for at := range file {
		offsets = append(offsets, at)
	}
	return offsets
}

// usualOffsets are those at which the format puts what is wrapped.
func usualOffsets(file []byte) (offsets []int) {
	for _, header := range []int{0, headerSize} {
		offsets = append(offsets, header+len(magic)+8+16+4, header+hashesFrom+4)
	}
	for at := slotsFrom; at+slotSize <= len(file); at += slotSize {
		offsets = append(offsets, at+2+longestID+4)
	}
	return offsets
}

func openedAt(file []byte, offsets []int, kek KEK, ids ...saga.ID) (n int) {
	h := header{file: [16]byte(file[len(magic)+8:])}
	bound := [][]byte{h.binding("canary", nil), h.binding("hash-key", binary.BigEndian.AppendUint32(nil, 1))}
	for _, id := range ids {
		bound = append(bound, h.binding("data-key", []byte(id)))
	}
	aead := newAEAD(kek[:])
	for _, at := range offsets {
		for _, size := range []int{canarySize, wrappedSize} {
			if at+size > len(file) {
				continue
			}
			for _, b := range bound {
				if _, err := unseal(aead, file[at:at+size], b); err == nil {
					n++
				}
			}
		}
	}
	return n
}

// TestRotationIsSafeFromACrashAtEveryByte: whatever is on disk then opens with exactly one
// of the two keys, and nothing of it is lost.
func TestRotationIsSafeFromACrashAtEveryByte(t *testing.T) {
	hashes, seen := "", map[KEK]int{}
	change := func(k *Keys) error {
		hashes = k.Hash("domain", "part")
		return k.Rotate(otherKEK)
	}
	reopen := func(t *testing.T, d *tape) *Keys {
		before, err1 := load(d, testKEK, rand.Reader)
		after, err2 := load(d, otherKEK, rand.Reader)
		if (err1 == nil) == (err2 == nil) || err1 != nil && !errors.Is(err1, ErrKey) || err2 != nil && !errors.Is(err2, ErrKey) {
			t.Fatalf("want one key to fit: before %v, after %v", err1, err2)
		}
		if err1 == nil {
			seen[testKEK]++
			return before
		}
		seen[otherKEK]++
		return after
	}
	crashesOf(t, change, reopen, func(t *testing.T, k *Keys, d *tape, finished bool) {
		_, err := load(&tape{content: bytes.Clone(d.content), left: -1}, otherKEK, rand.Reader)
		if finished && err != nil {
			t.Errorf("rotate returned, but the new key does not open the file: %v", err)
		}
		if finished && opened(d.content, testKEK, "x", "y", "z") > 0 {
			t.Error("rotate returned, but the old key opens something")
		}
		if got := k.Hash("domain", "part"); got != hashes {
			t.Errorf("got hash %s, before %s", got, hashes)
		}
		sweepAndExpect(t, k, d, "x", "z")
		if n := openedAt(d.content, usualOffsets(d.content), testKEK, "x", "y", "z"); err == nil && n > 0 {
			t.Errorf("it was finished by the next start, but the old key opens %d things", n)
		}
	})
	if seen[testKEK] == 0 || seen[otherKEK] == 0 {
		t.Errorf("opened with the key before %d times, with the one after %d times", seen[testKEK], seen[otherKEK])
	}
}

// TestRotationThatWasCutOffIsBegunAnew, with a third key: what the first attempt left has
// the same generation.
func TestRotationThatWasCutOffIsBegunAnew(t *testing.T) {
	file, box := base(t)
	third := KEK{7}
	for n := range 3 * slotSize {
		d := &tape{content: bytes.Clone(file), synced: file, left: n, cause: errCrash}
		if err := loaded(t, d).Rotate(otherKEK); !errors.Is(err, errCrash) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		d.left = -1
		if _, err := load(d, testKEK, rand.Reader); err != nil {
			continue // it was far enough
		}
		must(t, loaded(t, d).Rotate(third))
		k := loadedWith(t, d, third)
		if got, err := k.Open("x", box); err != nil || string(got) != "somebody" {
			t.Fatalf("after %d bytes: %q, %v", n, got, err)
		}
		if found := openedAt(d.content, usualOffsets(d.content), otherKEK, "x", "y", "z"); found > 0 {
			t.Fatalf("after %d bytes: the key that was given up opens %d things", n, found)
		}
	}
}

func TestFullDiskLeavesARotationUndone(t *testing.T) {
	file, box := base(t)
	for n := range 2 * slotSize {
		d := &tape{content: bytes.Clone(file), left: n, cause: syscall.ENOSPC, mends: true}
		k := loaded(t, d)
		if err := k.Rotate(otherKEK); !errors.Is(err, storage.ErrFull) {
			t.Fatalf("%d bytes: got %v, want %v", n, err, storage.ErrFull)
		}
		if !bytes.Equal(d.content, file) {
			t.Fatalf("%d bytes: something of the failed rotation is left", n)
		}
		must(t, k.Rotate(otherKEK))
		if _, err := loadedWith(t, d, otherKEK).Open("x", box); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAfterARotationTheOldKeyOpensNothing(t *testing.T) {
	file, box := base(t)
	d := &tape{content: file, left: -1}
	before := opened(d.content, testKEK, "x", "y", "z")
	k := loaded(t, d)
	must(t, k.RotateHashKey())
	must(t, k.Rotate(otherKEK))
	if before != 2*2+2 { // two canaries, a hash key twice, two data keys
		t.Errorf("before the rotation the key opened %d things: the test does not see what it should", before)
	}
	if n := opened(d.content, testKEK, "x", "y", "z"); n != 0 {
		t.Errorf("the old key opens %d things", n)
	}
	if n := opened(d.content, otherKEK, "x", "y", "z"); n != before {
		t.Errorf("the new key opens %d things, want %d", n, before)
	}
	for _, k := range []*Keys{k, loadedWith(t, d, otherKEK)} { // the one at work, and the next
		if got, err := k.Open("x", box); err != nil || string(got) != "somebody" {
			t.Errorf("got %q, %v", got, err)
		}
		if len(k.HashAll("domain")) != 2 {
			t.Errorf("got %d hash keys", len(k.HashAll("domain")))
		}
	}
	must(t, k.Create("new"))
	if k := loadedWith(t, d, otherKEK); !k.Has("new") {
		t.Error("a key that was made after the rotation is not there")
	}
	if err := k.Rotate(otherKEK); !errors.Is(err, ErrSameKey) {
		t.Errorf("again to the same: got %v, want %v", err, ErrSameKey)
	}
}

// TestRotationWithAKeyThatCannotBeUnwrapped names the saga and changes nothing.
func TestRotationWithAKeyThatCannotBeUnwrapped(t *testing.T) {
	file, _ := base(t)
	s, _ := parseSlot(file[slotsFrom : slotsFrom+slotSize])
	s.key[20] ^= 1
	copy(file[slotsFrom:], s.bytes())
	d := &tape{content: bytes.Clone(file), left: -1}
	err := loaded(t, d).Rotate(otherKEK)
	where, ok := errors.AsType[*storage.DamagedError](err)
	if !ok || where.Saga != s.id || !bytes.Equal(d.content, file) {
		t.Errorf("got %v, changed %v", err, !bytes.Equal(d.content, file))
	}
}

func TestRotationRunsBesideSealAndOpen(t *testing.T) {
	k, path := newKeys(t)
	ids := make([]saga.ID, 20)
	for i := range ids {
		ids[i] = saga.ID(fmt.Sprint("s", i))
	}
	must(t, k.Create(ids...))
	ended := make(chan struct{})
	var wg sync.WaitGroup
	for _, id := range ids[:4] {
		wg.Go(func() {
			for {
				box, err := k.Seal(id, []byte(id))
				if err == nil {
					_, err = k.Open(id, box)
				}
				if err != nil {
					t.Errorf("%s: %v", id, err)
				}
				select {
				case <-ended:
					return
				default:
				}
			}
		})
	}
	last := testKEK
	for i := range 5 {
		last = KEK{9, byte(i)}
		must(t, k.Rotate(last))
	}
	close(ended)
	wg.Wait()
	must(t, k.Close())
	k, err := Open(path, last)
	must(t, err)
	defer k.Close()
	if !slices.Equal(slices.Sorted(slices.Values(ids)), slices.Sorted(func(yield func(saga.ID) bool) {
		for id := range k.keys {
			if !yield(id) {
				return
			}
		}
	})) {
		t.Errorf("%d keys are left of %d", len(k.keys), len(ids))
	}
}
