package disk

import (
	"math/rand/v2"
	"syscall"
)

// pageSize is what a disk writes whole or not at all.
const pageSize = 4096

// file is the content of one file: what a reader sees, and what to put back to have what
// the last sync left on the disk.
type file struct {
	pages map[int64][]byte // absent: a hole, which takes no room and reads as zeros
	size  int64

	undo       map[int64][]byte // pages as they were synced; nil: a hole
	syncedSize int64
}

func newFile() *file { return &file{pages: map[int64][]byte{}, undo: map[int64][]byte{}} }

// remember keeps the synced content of a page that is about to change. Pages are replaced,
// never changed in place, so that the old one can be kept as it is.
func (f *file) remember(p int64) {
	if _, changed := f.undo[p]; !changed {
		f.undo[p] = f.pages[p]
	}
}

func (f *file) read(b []byte, off int64) int {
	if off >= f.size {
		return 0
	}
	b = b[:min(int64(len(b)), f.size-off)]
	for n := 0; n < len(b); {
		p, in := (off+int64(n))/pageSize, (off+int64(n))%pageSize
		end := min(len(b), n+int(pageSize-in))
		if have := f.pages[p]; have != nil {
			copy(b[n:end], have[in:])
		} else {
			clear(b[n:end])
		}
		n = end
	}
	return len(b)
}

// write stops at the first page for which room has no place, as a full disk does.
func (f *file) write(b []byte, off int64, room func() bool) (n int, errno syscall.Errno) {
	for n < len(b) {
		p, in := (off+int64(n))/pageSize, (off+int64(n))%pageSize
		end := min(len(b), n+int(pageSize-in))
		if f.pages[p] == nil && !room() {
			break
		}
		f.remember(p)
		next := make([]byte, pageSize)
		copy(next, f.pages[p])
		copy(next[in:], b[n:end])
		f.pages[p] = next
		n = end
	}
	f.size = max(f.size, off+int64(n))
	if n == 0 && len(b) > 0 {
		return 0, syscall.ENOSPC
	}
	return n, 0
}

// truncate returns how many pages it freed.
func (f *file) truncate(size int64) (freed int) {
	for p := range f.pages {
		if p*pageSize >= size {
			f.remember(p)
			delete(f.pages, p)
			freed++
		}
	}
	if p, in := size/pageSize, size%pageSize; f.pages[p] != nil {
		f.remember(p)
		next := make([]byte, pageSize)
		copy(next, f.pages[p][:in])
		f.pages[p] = next
	}
	f.size = size
	return freed
}

func (f *file) sync() { f.undo, f.syncedSize = map[int64][]byte{}, f.size }

// cut is what a power cut leaves: of the pages since the last sync any may have reached the
// disk and any may not.
func (f *file) cut(rng *rand.Rand) {
	for _, p := range sortedKeys(f.undo) {
		if rng.IntN(2) == 0 {
			continue // it had reached the disk
		}
		if old := f.undo[p]; old != nil {
			f.pages[p] = old
		} else {
			delete(f.pages, p)
		}
	}
	if f.size != f.syncedSize && rng.IntN(2) == 1 {
		f.size = f.syncedSize
	}
	f.truncate(f.size)
	f.sync()
}
