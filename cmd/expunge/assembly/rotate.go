package assembly

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// StoreFile is the store in a data folder.
func StoreFile(folder string) string { return filepath.Join(folder, storeName) }

// KeysFile is the file of data keys in a data folder.
func KeysFile(folder string) string { return filepath.Join(folder, keysName) }

// KEKFile is the key-encryption key of a data folder: the named file, or the folder's own.
func KEKFile(folder, named string) string {
	if named != "" {
		return named
	}
	return filepath.Join(folder, kekName)
}

// Rotated says what a rotation did.
type Rotated struct {
	Keys    int // data keys that are wrapped under the new key
	Swept   int // keys of sagas that have ended, destroyed before
	Unknown int // keys among them of sagas that the store does not know
}

// Rotate wraps all keys of a stopped orchestrator under a new key-encryption key. With
// kekFile empty it replaces the folder's own; otherwise it wraps them under the key in
// nextFile, which is made if it is not there. A rotation that a crash cut off is completed
// by the next one; that of the folder's own key by any start.
func Rotate(ctx context.Context, folder, kekFile, nextFile string) (Rotated, error) {
	h, err := openToRotate(folder, kekFile, nextFile)
	if err != nil {
		return Rotated{}, err
	}
	own := kekFile == ""
	if own {
		nextFile = h.path(kekNextName)
	}
	r, err := h.rotate(ctx, nextFile)
	if err == nil && own {
		err = h.adoptKEK()
	}
	return r, errors.Join(err, h.Close())
}

// openToRotate opens with the next key if a rotation to it was cut off late.
func openToRotate(folder, kekFile, nextFile string) (*Home, error) {
	if _, err := os.Stat(StoreFile(folder)); err != nil {
		return nil, fmt.Errorf("no store: %w", err)
	}
	h, err := OpenHome(folder, kekFile)
	if errors.Is(err, vault.ErrKey) && kekFile != "" {
		if late, lateErr := OpenHome(folder, nextFile); lateErr == nil {
			return late, nil
		}
	}
	return h, err
}

func (h *Home) rotate(ctx context.Context, nextFile string) (r Rotated, err error) {
	if r.Swept, r.Unknown, err = h.sweep(ctx); err != nil {
		return r, err
	}
	next, err := vault.LoadKEK(nextFile)
	if errors.Is(err, fs.ErrNotExist) {
		next, err = vault.CreateKEK(nextFile)
	}
	if err != nil {
		return r, fmt.Errorf("next key-encryption key: %w", err)
	}
	if err := h.Keys.Rotate(next); err != nil && !errors.Is(err, vault.ErrSameKey) {
		return r, err
	}
	r.Keys = h.Keys.Len()
	return r, nil
}

// metaKeys is where the orchestrator notes in its store which keys file belongs to it.
const metaKeys = "keys_file"

// sweep destroys the keys of sagas that have ended: a rotation would carry them into the
// time of the new key. Of those that the store does not know, a start decides: it asks the
// bus whether the store was put back.
func (h *Home) sweep(ctx context.Context) (swept, unknown int, err error) {
	own, err := h.Store.Meta(ctx, metaKeys)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return 0, h.Keys.Len(), nil // it never ran
	case err != nil:
		return 0, 0, fmt.Errorf("which keys file is the store's: %w", err)
	case string(own) != h.Keys.ID():
		return 0, 0, errors.New("the keys file is not this store's: look at the data folder and what is mounted there")
	}
	swept, err = h.Keys.Sweep(func(id saga.ID) bool {
		s, err := h.Store.Load(ctx, id)
		if errors.Is(err, storage.ErrNotFound) {
			unknown++
		}
		return err != nil || !s.Phase.Final()
	})
	return swept, unknown, err
}

// openRotated opens the keys with the next key, and makes it the folder's: the rotation was
// cut off after it had happened.
func (h *Home) openRotated() (*vault.Keys, error) {
	next, err := vault.LoadKEK(h.path(kekNextName))
	if err != nil {
		return nil, fmt.Errorf("next key-encryption key: %w", err)
	}
	keys, err := h.openKeys(next)
	if err != nil {
		return nil, err
	}
	if err := h.adoptKEK(); err != nil {
		return nil, errors.Join(err, keys.Close())
	}
	return keys, nil
}

// adoptKEK puts the next key-encryption key in the place of the one before, and overwrites
// that one: it may still open old copies of the keys file.
func (h *Home) adoptKEK() error {
	old, err := os.OpenFile(h.path(kekName), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("key-encryption key: %w", err)
	}
	defer old.Close()
	if err := os.Rename(h.path(kekNextName), h.path(kekName)); err != nil {
		return fmt.Errorf("key-encryption key: %w", err)
	}
	if err := syncFolder(h.Folder); err != nil {
		return fmt.Errorf("key-encryption key: %w", err)
	}
	info, err := old.Stat()
	if err == nil {
		_, err = old.WriteAt(make([]byte, info.Size()), 0)
	}
	if err = errors.Join(err, old.Sync()); err != nil {
		return fmt.Errorf("overwrite the key-encryption key before: %w", err)
	}
	return nil
}
