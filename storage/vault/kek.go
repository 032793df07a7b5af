package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

const redacted = "[redacted]"

// KEK is the key-encryption key: whoever has it and the keys file can read every vault.
// It prints as [redacted].
type KEK [32]byte

// Format implements [fmt.Formatter] for every verb.
func (KEK) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (KEK) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (KEK) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LoadKEK reads a key-encryption key from a file of 32 raw bytes or 64 hexadecimal
// digits, which nobody but its owner may read.
func LoadKEK(file string) (KEK, error) {
	f, err := os.Open(file)
	if err != nil {
		return KEK{}, err
	}
	defer f.Close()
	if err := private(f); err != nil {
		return KEK{}, err
	}
	b, err := io.ReadAll(io.LimitReader(f, 2*int64(len(KEK{}))+2))
	defer clear(b)
	if err != nil {
		return KEK{}, err
	}
	return parseKEK(file, b)
}

func parseKEK(file string, b []byte) (k KEK, err error) {
	if len(b) == len(k) {
		return KEK(b), nil
	}
	digits := bytes.TrimRight(b, "\r\n")
	if len(digits) != 2*len(k) {
		return k, fmt.Errorf("%s: not a key: want 32 bytes, or 64 hexadecimal digits", file)
	}
	if _, err := hex.Decode(k[:], digits); err != nil {
		return KEK{}, fmt.Errorf("%s: not a key: a character is no hexadecimal digit", file)
	}
	return k, nil
}

// private reports a file that others than its owner may touch.
func private(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return fmt.Errorf("%s: mode %04o lets others in: chmod 600 %[1]s", f.Name(), info.Mode().Perm())
	}
	return nil
}

// CreateKEK makes a new key-encryption key and writes it to a file that must not exist
// yet ([fs.ErrExist]). Losing that file is losing every open vault.
func CreateKEK(file string) (KEK, error) {
	var k KEK
	_, _ = rand.Read(k[:]) // never fails
	text := hex.AppendEncode(nil, k[:])
	defer clear(text)
	return k, createFile(file, append(text, '\n'))
}

// createFile writes a new file of mode 0600. After a crash it is there whole or not at
// all; if it is there before, it is left alone.
func createFile(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
