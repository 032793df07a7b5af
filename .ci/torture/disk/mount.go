package disk

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount makes the disk a folder of this machine, until the returned function is called. It
// needs /dev/fuse and root. After a cut it must be mounted anew: the kernel remembers pages.
func (v *Volume) Mount(folder string) (unmount func() error, err error) {
	forever := time.Hour // nobody changes the disk but through this mount
	for tries := 0; ; tries++ {
		server, err := fs.Mount(folder, &entry{v: v, n: v.root}, &fs.Options{
			MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "torture", Name: "torture", MaxWrite: 1 << 20},
			EntryTimeout: &forever, AttrTimeout: &forever,
		})
		if err == nil {
			return server.Unmount, nil
		}
		if tries == mountTries {
			return nil, fmt.Errorf("mount a disk that forgets: %w", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// mountTries is how often a mount may fail for a moment, as now and then on a busy machine.
const mountTries = 50

// entry is a file or folder as the kernel knows it.
type entry struct {
	fs.Inode
	v *Volume
	n *node
}

var (
	_ fs.NodeLookuper  = (*entry)(nil)
	_ fs.NodeGetattrer = (*entry)(nil)
	_ fs.NodeSetattrer = (*entry)(nil)
	_ fs.NodeReaddirer = (*entry)(nil)
	_ fs.NodeCreater   = (*entry)(nil)
	_ fs.NodeMkdirer   = (*entry)(nil)
	_ fs.NodeUnlinker  = (*entry)(nil)
	_ fs.NodeRmdirer   = (*entry)(nil)
	_ fs.NodeRenamer   = (*entry)(nil)
	_ fs.NodeLinker    = (*entry)(nil)
	_ fs.NodeOpener    = (*entry)(nil)
	_ fs.NodeReader    = (*entry)(nil)
	_ fs.NodeWriter    = (*entry)(nil)
	_ fs.NodeFsyncer   = (*entry)(nil)
	_ fs.NodeStatfser  = (*entry)(nil)
)

func (e *entry) child(ctx context.Context, n *node, out *fuse.EntryOut) *fs.Inode {
	n.describe(&out.Attr)
	return e.NewInode(ctx, &entry{v: e.v, n: n}, fs.StableAttr{Mode: n.mode & syscall.S_IFMT, Ino: n.ino})
}

func (n *node) describe(a *fuse.Attr) {
	a.Ino, a.Mode, a.Nlink, a.Blksize = n.ino, n.mode, 1, pageSize
	if n.file != nil {
		a.Size, a.Blocks = uint64(n.size), uint64(len(n.pages)*pageSize/512)
	}
	a.SetTimes(nil, &n.modified, &n.modified)
}

// Lookup implements [fs.NodeLookuper].
func (e *entry) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	n := e.n.entries[name]
	if n == nil {
		return nil, syscall.ENOENT
	}
	return e.child(ctx, n, out), 0
}

// Getattr implements [fs.NodeGetattrer].
func (e *entry) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	e.n.describe(&out.Attr)
	return 0
}

// Statfs implements [fs.NodeStatfser]: who reserves room wants to know what there is.
func (e *entry) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	left := uint64(max(0, e.v.capacity-e.v.used))
	out.Bsize, out.Frsize, out.NameLen = pageSize, pageSize, 255
	out.Blocks, out.Bfree, out.Bavail = uint64(e.v.capacity), left, left
	return 0
}

// Setattr implements [fs.NodeSetattrer]. Modes and times are taken as synced at once:
// nothing here depends on them.
func (e *entry) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	if size, ok := in.GetSize(); ok && e.n.file != nil {
		e.v.used -= int64(e.n.truncate(int64(size)))
	}
	if mode, ok := in.GetMode(); ok {
		e.n.mode = e.n.mode&syscall.S_IFMT | mode&^syscall.S_IFMT
	}
	e.n.describe(&out.Attr)
	return 0
}

// Readdir implements [fs.NodeReaddirer].
func (e *entry) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	var list []fuse.DirEntry
	for _, name := range sortedKeys(e.n.entries) {
		n := e.n.entries[name]
		list = append(list, fuse.DirEntry{Name: name, Ino: n.ino, Mode: n.mode & syscall.S_IFMT})
	}
	return fs.NewListDirStream(list), 0
}

// Create implements [fs.NodeCreater].
func (e *entry) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, errno := e.make(ctx, name, syscall.S_IFREG|mode&0o777, out)
	return inode, nil, 0, errno
}

// Mkdir implements [fs.NodeMkdirer].
func (e *entry) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return e.make(ctx, name, syscall.S_IFDIR|mode&0o777, out)
}

func (e *entry) make(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	if e.v.used >= e.v.capacity {
		return nil, syscall.ENOSPC
	}
	n := e.v.newNode(mode)
	e.n.apply(change{name: n})
	return e.child(ctx, n, out), 0
}

// Unlink implements [fs.NodeUnlinker]. Its room is free when the disk is next cut.
func (e *entry) Unlink(_ context.Context, name string) syscall.Errno {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	e.n.apply(change{name: nil})
	return 0
}

// Rmdir implements [fs.NodeRmdirer].
func (e *entry) Rmdir(_ context.Context, name string) syscall.Errno {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	if n := e.n.entries[name]; n != nil && len(n.entries) > 0 {
		return syscall.ENOTEMPTY
	}
	e.n.apply(change{name: nil})
	return 0
}

// Rename implements [fs.NodeRenamer], within one folder.
func (e *entry) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	other, ok := to.(*entry)
	switch {
	case !ok || other.n != e.n:
		return syscall.EXDEV
	case flags != 0:
		return syscall.EINVAL
	}
	e.n.apply(change{name: nil, newName: e.n.entries[name]})
	return 0
}

// Link implements [fs.NodeLinker].
func (e *entry) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	other, ok := target.(*entry)
	switch {
	case !ok || other.n.file == nil:
		return nil, syscall.EPERM
	case e.n.entries[name] != nil:
		return nil, syscall.EEXIST
	}
	e.n.apply(change{name: other.n})
	return e.child(ctx, other.n, out), 0
}

// Open implements [fs.NodeOpener]. The kernel's pages stay valid: bbolt reads through a map.
func (e *entry) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read implements [fs.NodeReader].
func (e *entry) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	return fuse.ReadResultData(dest[:e.n.read(dest, off)]), 0
}

// Write implements [fs.NodeWriter].
func (e *entry) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	e.n.modified = time.Now()
	n, errno := e.n.write(data, off, e.v.take)
	return uint32(n), errno
}

// Fsync implements [fs.NodeFsyncer], for files and folders. A file's sync is not one of
// the folder that names it.
func (e *entry) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	if e.n.folder != nil {
		e.n.folder.sync()
	} else {
		e.n.file.sync()
	}
	return 0
}
