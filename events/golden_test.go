package events_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
)

var update = flag.Bool("update", false, "add the files of new samples; an existing file is never changed")

const (
	vectorDir = "testdata/v1"
	sums      = vectorDir + "/SHA256SUMS"
)

// TestGoldenVectorsAreAddedToNeverEdited holds the encoder against files that were written
// once. With -update the files of new samples are written; there is no way to rewrite one,
// because what is out there was built against it.
func TestGoldenVectorsAreAddedToNeverEdited(t *testing.T) {
	listed := readSums(t)
	seen := map[string]bool{}
	for _, s := range samples() {
		v, err := s.vector()
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		seen[s.name+".json"] = true
		checkFile(t, listed, s.name+".json", v.file())
	}
	for name := range listed {
		if !seen[name] {
			t.Errorf("%s has no sample any more", name)
		}
	}
	for _, name := range vectorNames(t) {
		if !seen[name] {
			t.Errorf("%s has no sample", name)
		}
	}
}

func checkFile(t *testing.T, listed map[string]string, name string, want []byte) {
	t.Helper()
	path := filepath.Join(vectorDir, name)
	got, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && *update && listed[name] == "" {
		addFile(t, path, want)
		return
	}
	switch {
	case err != nil:
		t.Errorf("%v (-update adds the files of new samples)", err)
	case !bytes.Equal(got, want):
		t.Errorf("%s is not what is encoded now:\n%s", path, want)
	case listed[name] != sumOf(got):
		t.Errorf("%s is not the file that is listed in %s", path, sums)
	}
}

func addFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(sums, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(sumOf(data) + "  " + filepath.Base(path) + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func readSums(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile(sums)
	if err != nil && !*update {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(b)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if listed[name] != "" {
			t.Errorf("%s is listed twice in %s", name, sums)
		}
		listed[name] = sum
	}
	return listed
}

func vectorNames(t *testing.T) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(vectorDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return names
}

// vectors reads the files, as another implementation would.
func vectors(t testing.TB) map[string]vector {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(vectorDir, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden vectors: %v", err)
	}
	out := map[string]vector{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		var v vector
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		out[strings.TrimSuffix(filepath.Base(p), ".json")] = v
	}
	return out
}

func TestGoldenVectorsSurviveARoundTrip(t *testing.T) {
	for name, v := range vectors(t) {
		t.Run(name, func(t *testing.T) {
			env, p, err := events.DecodeAny(v.header(), []byte(v.Data))
			if err != nil {
				t.Fatal(err)
			}
			m, err := events.Encode(env, p)
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Data) != v.Data || !reflect.DeepEqual(m.Header, v.header()) {
				t.Errorf("encoded again:\n%v\n%s\nwant:\n%v\n%s", m.Header, m.Data, v.Header, v.Data)
			}
		})
	}
}

func TestEveryPayloadHasAGoldenVector(t *testing.T) {
	covered := map[string]bool{}
	for _, v := range vectors(t) {
		covered[v.Type] = true
	}
	for _, p := range events.Payloads() {
		if !covered[events.TypeOf(p)] {
			t.Errorf("no golden vector of %s", events.TypeOf(p))
		}
	}
}
