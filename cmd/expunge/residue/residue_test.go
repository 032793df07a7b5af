package residue_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/expunge-io/expunge/cmd/expunge/residue"
)

const (
	id    = "u-0042"
	email = "mila.o'brien+42@example.com"
)

func scanner(t *testing.T) *residue.Scanner {
	t.Helper()
	s, err := residue.NewScanner(map[string]string{"user id": id, "email": email})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryFormOfAnIdentifierIsFound(t *testing.T) {
	utf16 := func(s string) string {
		var b strings.Builder
		for _, c := range s {
			b.WriteString(string(c) + "\x00")
		}
		return b.String()
	}
	quoted, _ := json.Marshal(email)
	sum := sha256.Sum256([]byte(email))
	for name, text := range map[string]string{
		"raw":              "x" + id + "y",
		"raw, other case":  "X" + strings.ToUpper(email) + "Y",
		"hex":              hex.EncodeToString([]byte("\x00" + id + "\x01")),
		"hex, upper case":  strings.ToUpper(hex.EncodeToString([]byte(email))),
		"base64 at 0":      base64.StdEncoding.EncodeToString([]byte(email)),
		"base64 at 1":      base64.StdEncoding.EncodeToString([]byte("?" + email + "!!")),
		"base64 at 2":      base64.StdEncoding.EncodeToString([]byte("??" + email)),
		"base64 url":       base64.URLEncoding.EncodeToString([]byte("??" + email + "~~~")),
		"short in base64":  base64.RawStdEncoding.EncodeToString([]byte(`{"user_id":"` + id + `"}`)),
		"shifted by one":   base64.RawStdEncoding.EncodeToString([]byte(`{"user_id" :"` + id + `"}`)),
		"shifted by two":   base64.RawStdEncoding.EncodeToString([]byte(`{"user_id" : "` + id + `"}`)),
		"json":             string(quoted),
		"json, all signs":  `mila.o\u0027brien\u002B42\u0040example.com`,
		"url query":        url.QueryEscape(email),
		"url path":         url.PathEscape(email),
		"url, twice":       url.QueryEscape(url.QueryEscape(email)),
		"html":             "mila.o&#39;brien&#43;42&#64;example.com",
		"utf-16":           utf16(email),
		"sha-256":          string(sum[:]),
		"sha-256 hex":      fmt.Sprintf("%X", sum),
		"sha-256 base64":   base64.StdEncoding.EncodeToString(sum[:]),
		"behind much else": strings.Repeat("\xff\x00", 10_000) + id,
	} {
		t.Run(name, func(t *testing.T) {
			if hits := scanner(t).Bytes("f", []byte(text)); len(hits) == 0 {
				t.Errorf("not found")
			}
		})
	}
}

func TestWhatIsNotThePersonIsNotFound(t *testing.T) {
	for _, text := range []string{"", "u-0043", "u-042", "u-004", "mila.obrien@example.com", hex.EncodeToString([]byte("u-0043"))} {
		if hits := scanner(t).Bytes("f", []byte(text)); len(hits) != 0 {
			t.Errorf("%q: %v", text, hits)
		}
	}
}

// A hit that lies across the windows in which a file is read, and at each of its ends.
func TestHitsAcrossWindowsAreFoundWhereTheyAre(t *testing.T) {
	for _, at := range []int{0, 1<<20 - 3, 1 << 20, 2<<20 - 5, 3<<20 - len(id)} {
		data := bytes.Repeat([]byte{'.'}, 3<<20)
		copy(data[at:], id)
		hits, scanned, err := scanner(t).Reader("f", iotest.HalfReader(bytes.NewReader(data)))
		if err != nil || scanned != int64(len(data)) {
			t.Fatalf("scanned %d of %d: %v", scanned, len(data), err)
		}
		if len(hits) != 1 || hits[0].Offset != int64(at) {
			t.Errorf("at %d: %v", at, hits)
		}
	}
}

func TestFolderScansFilesAndNamesAndSkipsWhatItIsTold(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a/b/planted.db", "----"+id)
	write("a/dir-u-0042/empty", "")
	write("accounts/store.db", id)
	write("accounts.log", "nothing")
	hits, scanned, err := scanner(t).Folder(root, func(p string) bool { return p == "accounts" })
	if err != nil {
		t.Fatal(err)
	}
	if scanned != int64(len("----"+id)+len("nothing")) {
		t.Errorf("scanned %d bytes", scanned)
	}
	var where []string
	for _, h := range hits {
		where = append(where, h.File)
	}
	if got := strings.Join(where, "; "); got != "a/b/planted.db; the name of a file; the name of a file" {
		t.Errorf("hits in %s", got)
	}
}

func TestHitsDoNotShowTheValue(t *testing.T) {
	for _, h := range scanner(t).Bytes("f", []byte(id+email)) {
		if strings.Contains(h.String(), id) || strings.Contains(h.String(), email) {
			t.Errorf("shows the value: %s", h)
		}
	}
}

func TestIdentifiersThatWouldBeFoundByChanceAreRefused(t *testing.T) {
	for _, short := range []string{"", "42", "u-042"} {
		if _, err := residue.NewScanner(map[string]string{"id": short}); err == nil {
			t.Errorf("%q: no error", short)
		}
	}
	if _, err := residue.NewScanner(nil); err == nil {
		t.Error("nothing to look for: no error")
	}
}
