// Package disk is a disk that forgets what was not synced. A [Volume] keeps files in memory
// and knows, of each page and each directory entry, whether fsync was called since it
// changed; [Volume.Cut] is a power cut. [Mount] lets processes use it.
//
// What a cut keeps is drawn: of unsynced pages any may survive, of the unsynced changes of a
// directory the first few, in their order. So much a disk with a journal allows, and a
// program may rely on no more.
package disk

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Volume is one disk. It may be used by several goroutines.
type Volume struct {
	mu       sync.Mutex
	root     *node
	lastIno  uint64
	used     int64 // pages
	capacity int64 // pages
}

// node is one file or folder.
type node struct {
	ino      uint64
	mode     uint32 // with the type bits
	modified time.Time
	*file    // nil: a folder
	*folder  // nil: a file
}

type folder struct {
	entries map[string]*node
	synced  map[string]*node
	journal []change // since the last sync
}

// change is what one system call did to a folder; a rename changes two names.
type change map[string]*node

func newFolder() *folder {
	return &folder{entries: map[string]*node{}, synced: map[string]*node{}}
}

func (d *folder) apply(c change) {
	merge(d.entries, c)
	d.journal = append(d.journal, c)
}

func (d *folder) sync() { d.synced, d.journal = maps.Clone(d.entries), nil }

func (d *folder) cut(rng *rand.Rand) {
	kept := d.journal[:rng.IntN(len(d.journal)+1)]
	d.entries = maps.Clone(d.synced)
	for _, c := range kept {
		merge(d.entries, c)
	}
	d.sync()
}

func merge(into map[string]*node, c change) {
	for name, n := range c {
		if n == nil {
			delete(into, name)
		} else {
			into[name] = n
		}
	}
}

// New returns an empty disk with room for some bytes.
func New(capacity int64) *Volume {
	v := &Volume{capacity: capacity / pageSize}
	v.root = v.newNode(syscall.S_IFDIR | 0o755)
	return v
}

func (v *Volume) newNode(mode uint32) *node {
	v.lastIno++
	n := &node{ino: v.lastIno, mode: mode, modified: time.Now()}
	if mode&syscall.S_IFMT == syscall.S_IFDIR {
		n.folder = newFolder()
	} else {
		n.file = newFile()
	}
	return n
}

// Cut puts the disk into a state that it may have after the power went. Nobody may have it
// mounted.
func (v *Volume) Cut(rng *rand.Rand) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.used = 0
	v.cut(v.root, rng)
}

func (v *Volume) cut(n *node, rng *rand.Rand) {
	if n.folder == nil {
		n.file.cut(rng)
		v.used += int64(len(n.pages))
		return
	}
	n.folder.cut(rng)
	for _, name := range sortedKeys(n.entries) {
		v.cut(n.entries[name], rng)
	}
}

// Fill takes all room that is left but for some bytes. The return value gives it back.
func (v *Volume) Fill(left int64) (free func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.capacity
	v.capacity = v.used + left/pageSize
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.capacity = before
	}
}

// take takes a page, if there is one left.
func (v *Volume) take() bool {
	if v.used >= v.capacity {
		return false
	}
	v.used++
	return true
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
