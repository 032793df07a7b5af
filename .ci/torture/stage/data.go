package stage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"

	"github.com/expunge-io/expunge/torture/disk"
)

// Data is the disk that a data folder lies on: the orchestrator's, or that of the bus.
type Data struct {
	Folder string

	volume  *disk.Volume // nil: a disk that cannot lose power
	unmount func() error
	tmpfs   bool
}

const capacity = 512 << 20

// OpenData makes the best disk that can be had: one that forgets what was not synced; one
// that can at least be full; or an ordinary folder.
func OpenData(folder string) (*Data, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	d := &Data{Folder: folder}
	v := disk.New(capacity)
	unmount, err := v.Mount(folder)
	if err == nil {
		d.volume, d.unmount = v, unmount
		return d, nil
	}
	if syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%d", capacity)) == nil {
		d.tmpfs = true
	}
	return d, nil
}

// CanFill reports whether the disk can be full.
func (d *Data) CanFill() bool { return d.volume != nil || d.tmpfs }

// CanCut reports whether the disk can lose power.
func (d *Data) CanCut() bool { return d.volume != nil }

// Fill takes all room but for some bytes; the return value gives it back.
func (d *Data) Fill(left int64) (free func() error, err error) {
	if d.volume != nil {
		f := d.volume.Fill(left)
		return func() error { f(); return nil }, nil
	}
	name := filepath.Join(d.Folder, "ballast")
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.Folder, &st); err != nil {
		return nil, err
	}
	size := max(0, int64(st.Bavail)*st.Bsize-left)
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return func() error { return os.Remove(name) }, syscall.Fallocate(int(f.Fd()), 0, 0, size)
}

// Cut is a power cut of the disk. Whoever used it must be gone.
func (d *Data) Cut(rng *rand.Rand) error {
	if err := d.unmount(); err != nil {
		return err
	}
	d.volume.Cut(rng)
	unmount, err := d.volume.Mount(d.Folder)
	if err == nil {
		d.unmount = unmount
	}
	return err
}

// Close takes the disk away, and first copies what it holds to a folder, unless that is "".
func (d *Data) Close(to string) error {
	var err error
	if to != "" && d.volume != nil {
		err = os.CopyFS(to, os.DirFS(d.Folder))
	}
	switch {
	case d.volume != nil:
		return errors.Join(err, d.unmount())
	case d.tmpfs:
		return errors.Join(err, syscall.Unmount(d.Folder, 0))
	}
	return err
}
