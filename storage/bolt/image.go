package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"

	"github.com/expunge-io/expunge/storage"
)

// bbolt trusts its pages: one flipped bit in them can hide rows, bring back freed ones,
// let a lookup miss what an iteration shows, or crash the process. So before bbolt opens
// a file, an image of it is walked page by page with every bound checked: the two meta
// pages, each tree's order, and that no page is used twice. What the rows hold is for
// the caller.
type image struct {
	file io.ReaderAt
	size int64    // of a page
	high uint64   // pages from here on are unused
	used []uint64 // a bit for each page that was walked
	see  visitor
}

// visitor is told what a walk finds, in the order of tables and keys.
type visitor interface {
	table(name string)
	row(table string, key, row []byte)
}

// Fixed by bbolt's file format; numbers are in the machine's byte order.
const (
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	pageHeader   = 16
	elementSize  = 16
	metaSize     = 64
	noFreelist   = 1<<64 - 1
	branchPage   = 1
	leafPage     = 2
	bucketLeaf   = 1
	freshTxid    = 1 // a file that bbolt made and nobody has committed to
	smallestPage = 512
	largestPage  = 64 << 10
)

var native = binary.NativeEndian

func broken(format string, args ...any) error {
	return &storage.DamagedError{What: "file: " + fmt.Sprintf(format, args...)}
}

// boltMeta is one of the two meta pages.
type boltMeta struct {
	pageSize              int64
	root, freelist, pages uint64
	txid                  uint64
}

func parseMeta(b []byte) (m boltMeta, ok bool) {
	b = b[pageHeader : pageHeader+metaSize]
	h := fnv.New64a()
	h.Write(b[:metaSize-8])
	ok = native.Uint32(b) == boltMagic && native.Uint32(b[4:]) == boltVersion && native.Uint64(b[metaSize-8:]) == h.Sum64()
	return boltMeta{pageSize: int64(native.Uint32(b[8:])), root: native.Uint64(b[16:]), freelist: native.Uint64(b[32:]),
		pages: native.Uint64(b[40:]), txid: native.Uint64(b[48:])}, ok
}

// readMeta returns the newer meta page. One that cannot be read is refused, unless the
// older one is accepted: the file alone does not tell whether its transaction had ended.
func readMeta(file io.ReaderAt, acceptOlder bool) (boltMeta, error) {
	first, ok1 := metaAt(file, 0)
	second, ok2 := boltMeta{}, false
	for size := int64(smallestPage); size <= largestPage && !ok2; size *= 2 {
		if !ok1 || size == first.pageSize {
			second, ok2 = metaAt(file, size)
		}
	}
	switch {
	case !ok1 && !ok2:
		return boltMeta{}, broken("neither meta page can be read")
	case ok1 != ok2 && !acceptOlder:
		return boltMeta{}, broken("one of two meta pages cannot be read, so the last batch may be missing: restore a backup, or accept the older state")
	case !ok1 || ok2 && second.txid > first.txid:
		return second, nil
	}
	return first, nil
}

func metaAt(file io.ReaderAt, at int64) (boltMeta, bool) {
	b := make([]byte, pageHeader+metaSize)
	if _, err := file.ReadAt(b, at); err != nil {
		return boltMeta{}, false
	}
	return parseMeta(b)
}

// walk visits every row of the file.
func walk(file io.ReaderAt, length int64, m boltMeta, see visitor) (*image, error) {
	size, high := m.pageSize, m.pages
	if size < smallestPage || size > largestPage || size&(size-1) != 0 || high > uint64(length/size) {
		return nil, broken("%d pages of %d bytes do not fit its length of %d", high, size, length)
	}
	if m.freelist != noFreelist {
		return nil, broken("a freelist that this program never writes")
	}
	i := &image{file: file, size: size, high: high, used: make([]uint64, high/64+1), see: see}
	return i, i.tree(m.root, nil, nil, i.bucket)
}

// bucket takes an element of the root tree: a table.
func (i *image) bucket(flags uint32, name, value []byte) error {
	if flags != bucketLeaf || len(value) < 16 {
		return broken("an element of the root is no table")
	}
	table := string(name)
	i.see.table(table)
	leaf := func(flags uint32, key, row []byte) error {
		if flags != 0 {
			return broken("a row of table %s is a table", table)
		}
		i.see.row(table, key, row)
		return nil
	}
	if root := native.Uint64(value); root != 0 {
		return i.tree(root, nil, nil, leaf)
	}
	p := page{b: value[16:]} // a small table rests within its parent
	if len(p.b) < pageHeader || p.kind() != leafPage {
		return broken("table %s is not readable", table)
	}
	return p.leaves(nil, nil, leaf)
}

// tree walks the pages below id, whose keys are from low on and before high.
func (i *image) tree(id uint64, low, high []byte, leaf func(flags uint32, key, value []byte) error) error {
	p, err := i.page(id)
	if err != nil {
		return err
	}
	if p.kind() == leafPage {
		return p.leaves(low, high, leaf)
	}
	return p.branches(low, high, func(child uint64, low, high []byte) error { return i.tree(child, low, high, leaf) })
}

// page reads a page with all that belongs to it, and marks it as used.
func (i *image) page(id uint64) (page, error) {
	first := make([]byte, i.size)
	if id < 2 || id >= i.high {
		return page{}, broken("page %d does not exist", id)
	}
	if _, err := i.file.ReadAt(first, int64(id)*i.size); err != nil {
		return page{}, fmt.Errorf("page %d: %w", id, err)
	}
	p := page{id: id, b: first}
	more := uint64(native.Uint32(first[12:]))
	if native.Uint64(first) != id || p.kind() != branchPage && p.kind() != leafPage || more >= i.high-id {
		return page{}, broken("page %d is not readable", id)
	}
	if err := i.use(id, more+1); err != nil {
		return page{}, err
	}
	if more > 0 {
		p.b = make([]byte, int64(more+1)*i.size)
		if _, err := i.file.ReadAt(p.b, int64(id)*i.size); err != nil {
			return page{}, fmt.Errorf("page %d: %w", id, err)
		}
	}
	return p, nil
}

func (i *image) use(id, n uint64) error {
	for ; n > 0; id, n = id+1, n-1 {
		if bit := uint64(1) << (id % 64); i.used[id/64]&bit == 0 {
			i.used[id/64] |= bit
			continue
		}
		return broken("page %d is used twice", id)
	}
	return nil
}

// page is a branch or a leaf: a header, the elements, then what they point to.
type page struct {
	id uint64
	b  []byte
}

func (p page) kind() uint16 { return native.Uint16(p.b[8:]) }
func (p page) count() int   { return int(native.Uint16(p.b[10:])) }

// bytesAt returns what an element points to, counted from the element itself.
func (p page) bytesAt(element int, pos uint32, size uint64) ([]byte, error) {
	from := uint64(pageHeader+element*elementSize) + uint64(pos)
	to := from + size
	if from < uint64(pageHeader+p.count()*elementSize) || to > uint64(len(p.b)) {
		return nil, broken("page %d: element %d points out of it", p.id, element)
	}
	return p.b[from:to], nil
}

func (p page) element(n int) ([]byte, error) {
	from := pageHeader + n*elementSize
	if from+elementSize > len(p.b) {
		return nil, broken("page %d: has no element %d", p.id, n)
	}
	return p.b[from : from+elementSize], nil
}

func (p page) leaves(low, high []byte, leaf func(flags uint32, key, value []byte) error) error {
	for n := range p.count() {
		e, err := p.element(n)
		if err != nil {
			return err
		}
		flags, pos, ksize, vsize := native.Uint32(e), native.Uint32(e[4:]), uint64(native.Uint32(e[8:])), uint64(native.Uint32(e[12:]))
		b, err := p.bytesAt(n, pos, ksize+vsize)
		if err != nil {
			return err
		}
		key := b[:ksize]
		if err := p.ordered(n, key, low, high); err != nil {
			return err
		}
		low = key
		if err := leaf(flags, key, b[ksize:]); err != nil {
			return err
		}
	}
	return nil
}

func (p page) branches(low, high []byte, child func(id uint64, low, high []byte) error) error {
	var keys [][]byte
	var ids []uint64
	for n := range p.count() {
		e, err := p.element(n)
		if err != nil {
			return err
		}
		key, err := p.bytesAt(n, native.Uint32(e), uint64(native.Uint32(e[4:])))
		if err != nil {
			return err
		}
		if err := p.ordered(n, key, low, high); err != nil {
			return err
		}
		low = key
		keys, ids = append(keys, key), append(ids, native.Uint64(e[8:]))
	}
	if len(ids) == 0 {
		return broken("page %d: a branch without children", p.id)
	}
	keys = append(keys, high)
	for n, id := range ids {
		if err := child(id, keys[n], keys[n+1]); err != nil {
			return err
		}
	}
	return nil
}

// ordered checks element n's key: not below low (above it, but for the first), and below
// high, if there is one.
func (p page) ordered(n int, key, low, high []byte) error {
	c := bytes.Compare(key, low)
	if len(key) == 0 || c < 0 || c == 0 && n > 0 || high != nil && bytes.Compare(key, high) >= 0 {
		return broken("page %d: element %d is out of order", p.id, n)
	}
	return nil
}
