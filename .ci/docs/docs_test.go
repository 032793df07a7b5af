// Package docs holds the documents at the root to the sources.
package docs

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

var documents = []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "deploy/README.md"}

func TestFirstScreenShowsDemoAndTest(t *testing.T) {
	screen := strings.Join(strings.Split(read(t, "README.md"), "\n")[:40], "\n")
	for _, want := range []string{"\nmake demo ", "\nmake test "} {
		if !strings.Contains(screen, want) {
			t.Errorf("README.md: no %q in the first 40 lines", want)
		}
	}
}

// Every make target that a document names is in the Makefile and in make help.
func TestTargetsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, name := range documents {
		for _, m := range regexp.MustCompile("(?m)(?:^|`|&& )make ([a-z][a-z-]*)").FindAllStringSubmatch(read(t, name), -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:.* ## `).MatchString(makefile) {
				t.Errorf("%s: make %s: no such target, or none that make help explains", name, m[1])
			}
		}
	}
}

// Every relative link leads to a file.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, name := range documents {
		for _, m := range regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(read(t, name), -1) {
			target := filepath.Join(root, filepath.Dir(name), m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link to %s: %v", name, m[1], err)
			}
		}
	}
}

// Every declaration in a Go block stands, comments aside, in a source that is compiled.
func TestGoBlocksAreCompiled(t *testing.T) {
	compiled := map[string]bool{}
	for _, text := range goSources(t) {
		for _, d := range declarations(t, text) {
			compiled[d] = true
		}
	}
	for _, name := range documents {
		for _, m := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, name), -1) {
			for _, d := range declarations(t, "package x\n"+m[1]) {
				if !compiled[d] {
					t.Errorf("%s: no source holds this:\n%s", name, d)
				}
			}
		}
	}
}

// declarations prints each declaration of a file but its imports, without comments.
func declarations(t *testing.T, text string) (out []string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution) // comments are left out
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			continue
		}
		var b bytes.Buffer
		if err := printer.Fprint(&b, fset, d); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Join(strings.Fields(b.String()), " "))
	}
	return out
}

func goSources(t *testing.T) (texts []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(name) == ".go" {
			b, err := os.ReadFile(name)
			texts = append(texts, string(b))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
