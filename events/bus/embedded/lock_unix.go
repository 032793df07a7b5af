//go:build unix

package embedded

import (
	"errors"
	"os"
	"sync"
	"syscall"
)

// lock takes a file for this server alone: the server itself would let two of them write
// to one store. The operating system lets go of it when the process dies.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, errors.New("is in use by another server")
	}
	return sync.OnceFunc(func() { _ = f.Close() }), nil
}
