package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryMutantSaysWhatIsWrongAndWhoMustCatchIt(t *testing.T) {
	mutants, err := readMutants(".", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(mutants) < 12 {
		t.Errorf("%d mutants", len(mutants))
	}
}

// TestEveryMutantApplies is quick, and tells of a change that leaves a patch behind before
// the night does.
func TestEveryMutantApplies(t *testing.T) {
	mutants, err := readMutants(".", nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		if err := (tree{root}).git(t.Context(), "apply", "--check", m.file); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

func TestAPlantedMutantIsInTheCopyAndGoesAgain(t *testing.T) {
	dir := t.TempDir()
	source, patch := filepath.Join(dir, "tree", "a.go"), filepath.Join(dir, "m.patch")
	write(t, source, "package a\n\nconst kept = true\n")
	write(t, patch, "# Wrong: x.\n\n--- a/a.go\n+++ b/a.go\n@@ -1,3 +1,3 @@\n package a\n \n-const kept = true\n+const kept = false\n")
	planted, m := tree{filepath.Dir(source)}, mutant{file: patch}
	if err := planted.apply(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := read(t, source); !strings.Contains(got, "false") {
		t.Errorf("nothing is planted: %s", got)
	}
	if err := planted.apply(t.Context(), m); err == nil {
		t.Error("a patch that does not apply is taken")
	}
	if err := planted.revert(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := read(t, source); !strings.Contains(got, "true") {
		t.Errorf("the mutant is still there: %s", got)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAHeaderNamesItsChecks(t *testing.T) {
	const patch = "\n--- a/x.go\n+++ b/x.go\n"
	m, err := parse("# Wrong: it lies.\n# Caught by: core\n# Caught by: worker TestA TestB\n" + patch)
	if err != nil || m.wrong != "it lies." || len(m.caughtBy["core"]) != 0 || !slices.Equal(m.caughtBy["worker"], []string{"TestA", "TestB"}) {
		t.Errorf("%+v %v", m, err)
	}
	if costs := costOf("core"); m.cost() != costs {
		t.Errorf("costs %d, and its cheapest check %d", m.cost(), costs)
	}
	for _, bad := range []string{
		"# Caught by: core\n" + patch,
		"# Wrong: it lies.\n" + patch,
		"# Wrong: it lies.\n# Caught by: nobody\n" + patch,
		"# Wrong: it lies.\n# Caught by: core\n",
	} {
		if m, err := parse(bad); err == nil {
			t.Errorf("taken: %q as %+v", bad, m)
		}
	}
}

func TestTheFirstFailureIsTheVerdict(t *testing.T) {
	v, err := judge(strings.NewReader(`{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB/one","Output":"b_test.go:1: lost\n"}
{"Action":"fail","Package":"p","Test":"TestB/one"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"fail","Package":"p"}
`))
	if err != nil || v.failed != "TestB/one" || !strings.Contains(v.output, "lost") || !v.passed["TestA"] || len(v.passed) != 1 {
		t.Errorf("%+v %v", v, err)
	}
	v, err = judge(strings.NewReader(`{"Action":"fail","Package":"p"}`))
	if err != nil || v.failed != "p" {
		t.Errorf("a package that fails without a test: %+v %v", v, err)
	}
}

func TestWhatDoesNotCompileIsNotCaught(t *testing.T) {
	_, err := judge(strings.NewReader(`{"ImportPath":"p","Action":"build-output","Output":"x.go:1: undefined: y\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
`))
	if err == nil || !strings.Contains(err.Error(), "undefined: y") {
		t.Errorf("%v", err)
	}
}

func TestAWholeCheckIsNeededIfOneMutantNeedsIt(t *testing.T) {
	core := checks[costOf("core")]
	some := mutant{caughtBy: map[string][]string{"core": {"TestB", "TestA"}}}
	whole := mutant{caughtBy: map[string][]string{"core": {}}}
	if tests, needed := testsOf(core, []mutant{some, some}); !needed || !slices.Equal(tests, []string{"TestA", "TestB"}) {
		t.Errorf("%v %v", tests, needed)
	}
	if tests, needed := testsOf(core, []mutant{some, whole}); !needed || tests != nil {
		t.Errorf("%v %v", tests, needed)
	}
	if _, needed := testsOf(checks[costOf("bus")], []mutant{some, whole}); needed {
		t.Error("needed by nobody")
	}
}
