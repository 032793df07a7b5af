package assembly

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/bolt"
	"github.com/expunge-io/expunge/storage/vault"
)

// Home is the open data folder of an orchestrator. While it is open no other process has
// it open.
type Home struct {
	Folder string
	Store  *bolt.Store
	Keys   *vault.Keys
	// Instance is a random name that stays with the folder. Since no second process can
	// have the folder open, a worker that uses it takes up its predecessor's permits.
	Instance string
}

// The names in a data folder.
const (
	storeName    = "expunge.db"
	keysName     = "keys"
	kekName      = "kek"
	kekNextName  = "kek.next" // of a rotation under way
	busName      = "bus"
	instanceName = "instance"
	tokenName    = "operator.token"
)

// BusFolder is where the embedded bus keeps its streams.
func (h *Home) BusFolder() string { return h.path(busName) }

// OpenHome opens a data folder, and makes what a new one lacks; kekFile is empty for the
// folder's own. An error says what to do about it.
func OpenHome(folder, kekFile string) (*Home, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if err := makeFolder(folder); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	h := &Home{Folder: folder}
	if err := h.open(kekFile); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// open goes by the order in which a new folder is made: key-encryption key, keys file,
// store. A kill between any two of them leaves a folder that the next start completes; a
// store without its keys is never given new ones.
func (h *Home) open(kekFile string) error {
	kek, err := h.kek(kekFile)
	if err != nil {
		return err
	}
	h.Keys, err = h.openKeys(kek)
	if errors.Is(err, vault.ErrKey) && kekFile == "" && h.has(kekNextName) {
		h.Keys, err = h.openRotated()
	}
	if err != nil {
		return err
	}
	store, err := bolt.Open(h.path(storeName), bolt.Config{})
	switch {
	case errors.Is(err, storage.ErrLocked):
		return inUse(h.Folder, err)
	case err != nil:
		return fmt.Errorf("open the store: %w", err)
	}
	h.Store = store
	h.Instance, err = instance(h.path(instanceName))
	return err
}

func (h *Home) kek(file string) (vault.KEK, error) {
	own := file == ""
	if own {
		file = h.path(kekName)
	}
	kek, err := vault.LoadKEK(file)
	if errors.Is(err, fs.ErrNotExist) && own && !h.has(storeName) && !h.has(keysName) {
		return vault.CreateKEK(file)
	}
	if err != nil {
		return kek, fmt.Errorf("key-encryption key: %w", err)
	}
	return kek, nil
}

func (h *Home) openKeys(kek vault.KEK) (*vault.Keys, error) {
	path := h.path(keysName)
	keys, err := vault.Open(path, kek)
	if errors.Is(err, fs.ErrNotExist) && !h.has(storeName) {
		if err := vault.Init(path, kek); err != nil {
			return nil, fmt.Errorf("make the keys file: %w", err)
		}
		keys, err = vault.Open(path, kek)
	}
	switch {
	case errors.Is(err, storage.ErrLocked):
		return nil, inUse(h.Folder, err)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the store is there and its keys are not: put the file %s back: %w", path, err)
	case err != nil:
		return nil, fmt.Errorf("open the keys: %w", err)
	}
	return keys, nil
}

func inUse(folder string, err error) error {
	return fmt.Errorf("%s is in use by another expunge: stop it, or give another folder: %w", folder, err)
}

// Close closes what is open.
func (h *Home) Close() error {
	var errs []error
	if h.Store != nil {
		errs = append(errs, h.Store.Close())
	}
	if h.Keys != nil {
		errs = append(errs, h.Keys.Close())
	}
	return errors.Join(errs...)
}

func (h *Home) path(name string) string { return filepath.Join(h.Folder, name) }

func (h *Home) has(name string) bool {
	_, err := os.Stat(h.path(name))
	return err == nil
}

// instance reads the folder's name, or gives it one.
func instance(path string) (string, error) {
	b, err := os.ReadFile(path)
	if name := strings.TrimSpace(string(b)); err == nil && name != "" {
		return name, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("instance name: %w", err)
	}
	name := rand.Text()
	if err := os.WriteFile(path+".new", []byte(name+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("instance name: %w", err)
	}
	return name, os.Rename(path+".new", path)
}
