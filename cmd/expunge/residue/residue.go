// Package residue looks for what is left of a person in files and logs: every identifier
// that is handed to [NewScanner], in every form in which programs like to write one. Start
// with [Scanner.Folder].
//
// It finds no identifier that was compressed or encrypted; nobody can.
package residue

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Hit says where an identifier was found, and never which value it has.
type Hit struct {
	File       string // or the name of the log
	Offset     int64
	Identifier string // its name, as given to NewScanner
	Form       string // raw, hex, base64, ...
}

func (h Hit) String() string {
	return fmt.Sprintf("%s at byte %d: %s as %s", h.File, h.Offset, h.Identifier, h.Form)
}

// Scanner looks for the forms of some identifiers. It may be used by several goroutines.
type Scanner struct {
	patterns []pattern
	longest  int
}

// NewScanner returns a scanner for identifiers, by name. An empty identifier, and one so
// short that it would be found by chance, is an error.
func NewScanner(identifiers map[string]string) (*Scanner, error) {
	s := &Scanner{}
	for name, value := range identifiers {
		if len(value) < shortest {
			return nil, fmt.Errorf("identifier %s: shorter than %d bytes, it would be found by chance", name, shortest)
		}
		s.patterns = append(s.patterns, patternsOf(name, value)...)
	}
	if len(s.patterns) == 0 {
		return nil, errors.New("no identifiers to look for")
	}
	for _, p := range s.patterns {
		s.longest = max(s.longest, len(p.bytes))
	}
	return s, nil
}

// shortest is the length of an identifier that is not found by chance: six random bytes
// are met once in 280 terabytes.
const shortest = 6

const window = 1 << 20

// Folder scans every byte of every file below root, and the names of files and folders. A
// path for which skip returns true, relative to root, is left out with all below it. The
// number of bytes that were looked at is returned to show that there was something.
func (s *Scanner) Folder(root string, skip func(path string) bool) (hits []Hit, scanned int64, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case skip != nil && skip(rel) && d.IsDir():
			return fs.SkipDir
		case skip != nil && skip(rel):
			return nil
		}
		hits = append(hits, s.Bytes("the name of a file", []byte(rel))...)
		if !d.Type().IsRegular() {
			return nil
		}
		more, n, err := s.file(path, rel)
		hits, scanned = append(hits, more...), scanned+n
		return err
	})
	if err != nil {
		return nil, scanned, fmt.Errorf("scan %s: %w", root, err)
	}
	return hits, scanned, nil
}

func (s *Scanner) file(path, name string) ([]Hit, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	return s.Reader(name, f)
}

// Reader scans everything that r has, a window at a time; windows overlap, so that nothing
// is missed between two of them.
func (s *Scanner) Reader(name string, r io.Reader) (hits []Hit, scanned int64, err error) {
	buf := make([]byte, 0, window+s.longest)
	for {
		n, err := io.ReadFull(r, buf[len(buf):min(len(buf)+window, cap(buf))])
		start := scanned - int64(len(buf))
		buf = buf[:len(buf)+n]
		scanned += int64(n)
		for _, h := range s.Bytes(name, buf) {
			h.Offset += start
			if !slices.Contains(hits, h) { // the overlap is seen twice
				hits = append(hits, h)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return hits, scanned, nil
		}
		if err != nil {
			return hits, scanned, err
		}
		keep := min(len(buf), s.longest-1)
		copy(buf, buf[len(buf)-keep:])
		buf = buf[:keep]
	}
}

// Bytes scans b. Each form of an identifier is reported once, where it is first.
func (s *Scanner) Bytes(name string, b []byte) (hits []Hit) {
	folded := lower(b)
	for _, p := range s.patterns {
		text := b
		if p.anyCase {
			text = folded
		}
		if i := bytes.Index(text, p.bytes); i >= 0 {
			hits = append(hits, Hit{File: name, Offset: int64(i), Identifier: p.identifier, Form: p.form})
		}
	}
	return hits
}

// lower folds ASCII only, so that offsets stay what they are.
func lower(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}
