package vault

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/storage"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// counting is a source of the bytes 0, 1, 2 ..., so that golden files stay the same.
type counting byte

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(*c)
		*c++
	}
	return len(b), nil
}

// golden is what every later version must be able to read.
type golden struct {
	File      string // hexadecimal, as is Box
	Box       string
	Plaintext string
	Pseudonym string
}

const goldenFile = "testdata/keys-v1.json"

func TestFormatIsTheGoldenOne(t *testing.T) {
	random := new(counting)
	path := filepath.Join(t.TempDir(), "keys")
	must(t, initFile(path, testKEK, random))
	b, err := os.ReadFile(path)
	must(t, err)
	d := &tape{content: b, left: -1}
	k, err := load(d, testKEK, random)
	must(t, err)
	must(t, k.Create("0195f3a0-0000-7000-8000-000000000001", "0195f3a0-0000-7000-8000-000000000002"))
	must(t, k.Destroy("0195f3a0-0000-7000-8000-000000000001"))
	plaintext, err := example.Marshal()
	must(t, err)
	box, err := k.Seal("0195f3a0-0000-7000-8000-000000000002", plaintext)
	must(t, err)
	got := golden{hex.EncodeToString(d.content), hex.EncodeToString(box), string(plaintext), k.Pseudonym("customers", "u-0042")}
	if *update {
		text, err := json.MarshalIndent(got, "", "  ")
		must(t, err)
		must(t, os.WriteFile(goldenFile, append(text, '\n'), 0o644))
	}
	if want := readGolden(t); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	text, err := os.ReadFile(goldenFile)
	must(t, err)
	must(t, json.Unmarshal(text, &g))
	return g
}

func TestGoldenFileIsRead(t *testing.T) {
	g := readGolden(t)
	file, err := hex.DecodeString(g.File)
	must(t, err)
	box, err := hex.DecodeString(g.Box)
	must(t, err)
	k := loaded(t, &tape{content: file, left: -1})
	plaintext, err := k.Open("0195f3a0-0000-7000-8000-000000000002", box)
	must(t, err)
	if string(plaintext) != g.Plaintext || k.Pseudonym("customers", "u-0042") != g.Pseudonym {
		t.Errorf("got %q, %s", plaintext, k.Pseudonym("customers", "u-0042"))
	}
	if c, err := UnmarshalContents(plaintext); err != nil || !equal(c, example) {
		t.Errorf("the contents are others: %v", err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	file, _ := base(t)
	file[len(magic)-1]++
	file[headerSize+len(magic)-1]++
	_, err := load(&tape{content: file}, testKEK, new(counting))
	if err == nil || !strings.Contains(err.Error(), "format 2, which is newer") {
		t.Errorf("got %v", err)
	}
}

var example = Contents{Realm: "customers", UserID: "u-0042", Reason: "asked by <mail> & phone",
	Identifiers: []Identifier{{"email", "ada@example.com", ""}, {"jumio_scan", "s-1", "registration-data"}}}

func equal(a, b Contents) bool {
	return a.Realm == b.Realm && a.UserID == b.UserID && a.Reason == b.Reason && slices.Equal(a.Identifiers, b.Identifiers)
}

func TestContentsComeBackWhole(t *testing.T) {
	for _, c := range []Contents{{}, example, {Reason: "\x00\u2028\"\\"}} {
		b, err := c.Marshal()
		must(t, err)
		if got, err := UnmarshalContents(b); err != nil || !equal(got, c) {
			t.Errorf("%s: %v", b, err)
		}
	}
}

func TestContentsThatWouldChangeAreRefused(t *testing.T) {
	_, err := Contents{UserID: "\xff", Identifiers: []Identifier{{}, {Value: "\xfe"}}}.Marshal()
	if err == nil || !strings.Contains(err.Error(), "user_id") || !strings.Contains(err.Error(), "identifiers[1]") {
		t.Errorf("got %v", err)
	}
	if _, err := UnmarshalContents([]byte("ada@example.com")); err == nil || strings.Contains(err.Error(), "ada") {
		t.Errorf("got %v", err)
	}
}

func TestNothingPersonalIsPrinted(t *testing.T) {
	var log bytes.Buffer
	handlers := []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)}
	for _, v := range []any{example, &example, example.Identifiers, example.Identifiers[0], testKEK, &testKEK, map[string]any{"k": example}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, format, v)
		}
		for _, h := range handlers {
			slog.New(h).Info("said", "value", v)
		}
		b, err := json.Marshal(v)
		must(t, err)
		log.Write(b)
	}
	for _, secret := range []string{"u-0042", "ada", "asked", "customers", "s-1", "010203", "1 2 3", "AQID"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q was printed", secret)
		}
	}
	if !strings.Contains(log.String(), redacted) {
		t.Error("nothing was printed at all")
	}
}

func TestHashesAreUnambiguousAndKeepTheirVersions(t *testing.T) {
	k, path := newKeys(t)
	seen := map[string]string{}
	for _, parts := range [][]string{{"d"}, {"d", ""}, {"d", "", ""}, {"", "d"}, {"d", "ab", "c"}, {"d", "a", "bc"}, {"d", "abc"}, {"da", "bc"}} {
		h := k.Hash(parts[0], parts[1:]...)
		if other, ok := seen[h]; ok {
			t.Errorf("%q and %s have one hash", parts, other)
		}
		seen[h] = fmt.Sprintf("%q", parts)
	}
	first := k.Pseudonym("customers", "u-0042")
	if !strings.HasPrefix(first, "v1:") || len(first) != 3+64 || first != k.Hash(Subject, "customers", "u-0042") {
		t.Errorf("got %s", first)
	}
	must(t, k.RotateHashKey())
	second := k.Pseudonym("customers", "u-0042")
	if !strings.HasPrefix(second, "v2:") || second[3:] == first[3:] {
		t.Errorf("after the rotation: got %s", second)
	}
	must(t, k.Close())
	if all := open(t, path).HashAll(Subject, "customers", "u-0042"); !slices.Equal(all, []string{second, first}) {
		t.Errorf("all: got %q, want %q", all, []string{second, first})
	}
}

func TestHashKeysAreBounded(t *testing.T) {
	k, _ := newKeys(t)
	for range mostHashes - 1 {
		must(t, k.RotateHashKey())
	}
	if err := k.RotateHashKey(); err == nil {
		t.Error("one more was taken")
	}
	must(t, k.Create("a")) // refusing did no harm
}

func TestKEKFiles(t *testing.T) {
	dir := t.TempDir()
	made := filepath.Join(dir, "made")
	k, err := CreateKEK(made)
	must(t, err)
	if _, err := CreateKEK(made); !errors.Is(err, os.ErrExist) {
		t.Errorf("again: got %v, want %v", err, os.ErrExist)
	}
	if got, err := LoadKEK(made); err != nil || got != k || k == (KEK{}) {
		t.Errorf("what was made is not what is loaded: %v", err)
	}
	raw := bytes.Repeat([]byte{'\n'}, 32)
	digits := strings.Repeat("0A", 32)
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		want          string
	}{
		{"raw", string(raw), 0o600, ""},
		{"hex", digits, 0o400, ""},
		{"hex with a line end", digits + "\r\n", 0o600, ""},
		{"too short", string(raw[1:]), 0o600, "not a key"},
		{"too long", digits + "00", 0o600, "not a key"},
		{"much too long", strings.Repeat(digits, 9), 0o600, "not a key"},
		{"not hex", digits[2:] + "xy", 0o600, "no hexadecimal digit"},
		{"group may read", digits, 0o640, "chmod 600"},
		{"world may read", digits, 0o604, "chmod 600"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "kek")
			must(t, os.WriteFile(file, []byte(c.content), c.mode))
			must(t, os.Chmod(file, c.mode))
			got, err := LoadKEK(file)
			if c.want == "" && (err != nil || got != KEK(raw)) {
				t.Errorf("got another key, %v", err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "0A0A")) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "keys")
	if err := Init(path, testKEK); err != nil {
		f.Fatal(err)
	}
	k, err := Open(path, testKEK)
	if err == nil {
		err = k.Create("a")
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add([]byte{boxFormat})
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, box []byte) {
		if got, err := k.Open("a", box); !errors.Is(err, storage.ErrDamaged) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}
