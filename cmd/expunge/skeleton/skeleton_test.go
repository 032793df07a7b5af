package skeleton_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/cmd/expunge/skeleton"
)

// goIn runs the go command in a folder, with what is there already and no network.
func goIn(t *testing.T, folder string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestAWorkerThatIsWrittenCompilesAndConforms(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "my-notes")
	written, err := skeleton.Write(folder, "my-notes")
	if err != nil {
		t.Fatal(err)
	}
	if len(written) != 4 {
		t.Errorf("wrote %v", written)
	}
	// As its reader does, but for the release, which is this tree with its sums.
	goIn(t, folder, "mod", "init", "example.com/my-notes")
	goIn(t, folder, "mod", "edit", "-require=github.com/expunge-io/expunge@v0.0.0", "-replace=github.com/expunge-io/expunge="+root)
	own, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "go.sum"), sums, 0o600); err != nil {
		t.Fatal(err)
	}
	_, required, _ := strings.Cut(string(own), "require (")
	mod, err := os.OpenFile(filepath.Join(folder, "go.mod"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mod.WriteString("\nrequire (" + required); err != nil { // the versions of this tree: no others are here
		t.Fatal(err)
	}
	if err := mod.Close(); err != nil {
		t.Fatal(err)
	}
	goIn(t, folder, "vet", ".")
	if out := goIn(t, folder, "test", "-v", "-count=1", "."); strings.Count(out, "    --- PASS: TestConformance/") < 10 {
		t.Errorf("the suite did not run:\n%s", out)
	}
}

func TestNothingIsWrittenOver(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := skeleton.Write(folder, "notes"); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("error %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(folder, "main.go")); err != nil || string(got) != "mine" {
		t.Errorf("it holds %q, %v", got, err)
	}
	if _, err := skeleton.Write(filepath.Join(folder, "new"), "Not A Name"); err == nil {
		t.Error("a name that is none is taken")
	}
}
