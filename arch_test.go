package expunge

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/expunge-io/expunge"

// importRule says what a folder may import. The first rule that matches a folder counts,
// and a folder without one is a fault. "x/..." stands for x and everything below it.
type importRule struct {
	folder  string
	std     bool     // nothing but the standard library
	may     []string // of this module, in every file
	inTests []string // of this module, in _test.go files besides
}

var importRules = []importRule{
	{folder: "."},

	{folder: "events", std: true},
	{folder: "events/bus", may: []string{"events"}, inTests: []string{"events/bus/embedded"}},
	{folder: "events/bus/embedded", may: []string{"events", "events/bus"}},

	{folder: "orchestrator/saga", std: true},
	{folder: "storage", may: []string{"orchestrator/saga"}},
	{folder: "storage/storagetest", may: []string{"orchestrator/saga", "storage"}},
	{folder: "storage/memory", may: []string{"orchestrator/saga", "storage"}, inTests: []string{"storage/storagetest"}},
	{folder: "storage/bolt", may: []string{"orchestrator/saga", "storage"}, inTests: []string{"storage/storagetest"}},
	{folder: "storage/vault", may: []string{"orchestrator/saga", "storage"}, inTests: []string{"storage/storagetest"}},

	{
		folder:  "orchestrator",
		may:     []string{"orchestrator/saga", "storage", "storage/vault", "events", "events/bus"},
		inTests: []string{"events/bus/embedded", "storage/..."},
	},
	{
		folder:  "orchestrator/api",
		may:     []string{"orchestrator", "orchestrator/saga", "storage", "storage/vault", "events", "events/bus"},
		inTests: []string{"events/bus/embedded", "storage/..."},
	},

	{
		folder:  "participants",
		may:     []string{"events", "events/bus"},
		inTests: []string{"events/bus/embedded", "participants/participantstest"},
	},
	{
		folder:  "participants/participantstest",
		may:     []string{"events", "events/bus", "participants"},
		inTests: []string{"events/bus/embedded"},
	},
	{folder: "participants/sandbox/...", may: []string{"events", "participants/sandbox/..."}},
	{
		folder:  "participants/...", // an adapter; never another adapter
		may:     []string{"events", "participants"},
		inTests: []string{"events/bus/...", "participants/participantstest", "participants/sandbox/..."},
	},

	{folder: "cmd/...", may: []string{"events/...", "orchestrator/...", "storage/...", "participants/...", "cmd/..."}},
}

// linkRule bans what a folder must not link, however long the way through our packages.
type linkRule struct{ folder, never, why string }

var linkRules = []linkRule{
	{"participants/...", "go.etcd.io/bbolt", "a worker keeps no store"},
	{"participants/...", "github.com/nats-io/nats-server/v2", "a worker brings no server"},
	{"orchestrator/...", "github.com/nats-io/nats-server/v2", "the server is wired by cmd"},
	{"./...", "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream", "it loses messages and crashes: use pkg/nats"},
}

// useRule bans a package, or some of its names, in a folder. Tests may use it.
type useRule struct {
	folder, except string
	pkg            string
	names          string // a regular expression; "" is the whole package
	why            string
}

var useRules = []useRule{
	{"orchestrator/saga", "", "time", "^(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)$", "time is passed in"},
	{"orchestrator/saga", "", "math/rand", "", "the core draws no lots"},
	{"orchestrator/saga", "", "math/rand/v2", "", "the core draws no lots"},
	{"orchestrator/saga", "", "crypto/rand", "", "the core draws no lots"},
	{"orchestrator/saga", "", "os", "", "the core has no surroundings"},
	{"orchestrator/saga", "", "net", "", "the core has no surroundings"},
	{"orchestrator/saga", "", "log", "", "the core does not log"},
	{"orchestrator/saga", "", "log/slog", "", "the core does not log"},
	{"orchestrator/saga", "", "sync", "", "the core has no goroutines"},
	{"./...", "cmd/...", "os", "^(Getenv|LookupEnv|Environ|ExpandEnv)$", "the environment is read in cmd only"},
}

func TestImportsRunOneWay(t *testing.T) { report(t, importFaults(parseTree(t))) }

func TestNobodyLinksWhatTheyMustNot(t *testing.T) { report(t, linkFaults(parseTree(t))) }

func TestCoreIsPureAndEnvironmentIsReadInCmd(t *testing.T) { report(t, useFaults(parseTree(t))) }

func TestCodeLivesInItsFolders(t *testing.T) { report(t, placeFaults(parseTree(t))) }

// TestRulesBite feeds each rule a source that breaks it, and one that only seems to.
func TestRulesBite(t *testing.T) {
	for _, c := range []struct{ name, file, source, want string }{
		{"events link nothing", "events/a.go", `import "github.com/nats-io/nats.go"`, "events imports github.com/nats-io/nats.go"},
		{"events import nothing of ours", "events/a.go", `import "github.com/expunge-io/expunge/storage"`, "events imports storage"},
		{"saga imports nothing of ours", "orchestrator/saga/a.go", `import "github.com/expunge-io/expunge/events"`, "orchestrator/saga imports events"},
		{"saga tests may use libraries", "orchestrator/saga/a_test.go", `import "pgregory.net/rapid"`, ""},
		{"no worker imports the shell", "participants/a.go", `import "github.com/expunge-io/expunge/orchestrator"`, "participants imports orchestrator"},
		{"no adapter imports another", "participants/sql/a.go", `import "github.com/expunge-io/expunge/participants/redis"`, "participants/sql imports participants/redis"},
		{"the shell imports no worker", "orchestrator/a.go", `import "github.com/expunge-io/expunge/participants"`, "orchestrator imports participants"},
		{"nobody imports cmd", "orchestrator/a.go", `import "github.com/expunge-io/expunge/cmd/expunge"`, "orchestrator imports cmd/expunge"},
		{"only tests embed the server", "events/bus/a.go", `import "github.com/expunge-io/expunge/events/bus/embedded"`, "events/bus imports events/bus/embedded"},
		{"tests embed the server", "events/bus/a_test.go", `import "github.com/expunge-io/expunge/events/bus/embedded"`, ""},
		{"a folder needs a rule", "storage/postgres/a.go", ``, "storage/postgres has no import rule"},
		{"no worker links a store", "participants/sql/a.go", `import "go.etcd.io/bbolt"`, "participants/sql links go.etcd.io/bbolt"},
		{"the beta adapter is banned", "events/bus/a.go", `import "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream"`, "events/bus links github.com/ThreeDotsLabs"},
		{"the core has no clock", "orchestrator/saga/a.go", `import clock "time"; var _ = clock.Now`, "clock.Now"},
		{"the core may know times", "orchestrator/saga/a.go", `import "time"; var _ time.Time`, ""},
		{"the core has no chance", "orchestrator/saga/a.go", `import _ "math/rand/v2"`, "math/rand/v2"},
		{"the core starts nothing", "orchestrator/saga/a.go", `func f() { go f() }`, "goroutine"},
		{"the environment", "events/bus/a.go", `import "os"; var _ = os.Getenv("X")`, "os.Getenv"},
		{"the environment in cmd", "cmd/expunge/a.go", `import "os"; var _ = os.Getenv("X")`, ""},
		{"deploy holds no Go", "deploy/a.go", ``, "deploy/a.go"},
		{"no other top folder", "util/a.go", ``, "util/a.go"},
		{"the root is a map", "main.go", ``, "main.go"},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := allFaults([]source{parse(t, c.file, "package x; "+c.source)})
			if c.want == "" && len(faults) > 0 {
				t.Errorf("want no fault, got %q", faults)
			}
			if c.want != "" && !strings.Contains(strings.Join(faults, "\n"), c.want) {
				t.Errorf("want a fault with %q, got %q", c.want, faults)
			}
		})
	}
}

// TestLinkRuleSeesThroughPackages: the ban holds for what an import of ours imports.
func TestLinkRuleSeesThroughPackages(t *testing.T) {
	faults := linkFaults([]source{
		parse(t, "participants/a.go", `package x; import "github.com/expunge-io/expunge/events/bus"`),
		parse(t, "events/bus/a.go", `package x; import "github.com/nats-io/nats-server/v2/server"`),
	})
	if len(faults) != 1 || !strings.Contains(faults[0], "participants links github.com/nats-io/nats-server/v2/server") {
		t.Errorf("want one fault about participants, got %q", faults)
	}
}

func importFaults(sources []source) (faults []string) {
	for _, s := range sources {
		i := slices.IndexFunc(importRules, func(r importRule) bool { return matches(r.folder, s.folder) })
		if i < 0 {
			faults = append(faults, fmt.Sprintf("%s: %s has no import rule", s.name, s.folder))
			continue
		}
		for _, p := range s.imports() {
			if !allowed(importRules[i], s, p) {
				faults = append(faults, fmt.Sprintf("%s: %s imports %s", s.name, s.folder, strings.TrimPrefix(p, module+"/")))
			}
		}
	}
	return faults
}

func allowed(r importRule, s source, importPath string) bool {
	folder, ours := strings.CutPrefix(importPath, module+"/")
	if !ours {
		first, _, _ := strings.Cut(importPath, "/")
		return !r.std || s.test() || importPath != "C" && !strings.Contains(first, ".")
	}
	may := func(pattern string) bool { return matches(pattern, folder) }
	return s.test() && (folder == s.folder || slices.ContainsFunc(r.inTests, may)) || slices.ContainsFunc(r.may, may)
}

func linkFaults(sources []source) (faults []string) {
	direct := map[string][]string{} // folder to import paths, tests left out
	for _, s := range sources {
		if !s.test() {
			direct[s.folder] = append(direct[s.folder], s.imports()...)
		}
	}
	for folder := range direct {
		for _, p := range linked(direct, folder, map[string]bool{}) {
			for _, r := range linkRules {
				if matches(r.folder, folder) && matches(r.never+"/...", p) {
					faults = append(faults, fmt.Sprintf("%s links %s: %s", folder, p, r.why))
				}
			}
		}
	}
	return faults
}

func linked(direct map[string][]string, folder string, seen map[string]bool) (paths []string) {
	if seen[folder] {
		return nil
	}
	seen[folder] = true
	for _, p := range direct[folder] {
		if next, ours := strings.CutPrefix(p, module+"/"); ours {
			paths = append(paths, linked(direct, next, seen)...)
			continue
		}
		paths = append(paths, p)
	}
	return paths
}

func useFaults(sources []source) (faults []string) {
	for _, s := range sources {
		if s.test() {
			continue
		}
		for _, r := range useRules {
			if matches(r.folder, s.folder) && !matches(r.except, s.folder) {
				faults = append(faults, uses(s, r)...)
			}
		}
		if s.folder == "orchestrator/saga" {
			ast.Inspect(s.file, func(n ast.Node) bool {
				if _, starts := n.(*ast.GoStmt); starts {
					faults = append(faults, s.name+": a goroutine: the core starts nothing")
				}
				return true
			})
		}
	}
	return faults
}

func uses(s source, r useRule) (faults []string) {
	local, imported := s.localName(r.pkg)
	if imported && r.names == "" {
		return []string{fmt.Sprintf("%s: %s: %s", s.name, r.pkg, r.why)}
	}
	banned := regexp.MustCompile(r.names)
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || !imported {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == local && banned.MatchString(sel.Sel.Name) {
			faults = append(faults, fmt.Sprintf("%s: %s.%s: %s", s.name, x.Name, sel.Sel.Name, r.why))
		}
		return true
	})
	return faults
}

func placeFaults(sources []source) (faults []string) {
	folders := []string{"orchestrator", "participants", "events", "storage", "cmd"}
	files := []string{"doc.go", "arch_test.go"}
	for _, s := range sources {
		top, _, below := strings.Cut(s.name, "/")
		if below && !slices.Contains(folders, top) || !below && !slices.Contains(files, top) {
			faults = append(faults, s.name+": no Go belongs here")
		}
	}
	return faults
}

func allFaults(sources []source) []string {
	return slices.Concat(importFaults(sources), linkFaults(sources), useFaults(sources), placeFaults(sources))
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, f := range faults {
		t.Error(f)
	}
}

// matches reports whether folder is the pattern or, for "x/...", x or below it.
func matches(pattern, folder string) bool {
	above, wild := strings.CutSuffix(pattern, "/...")
	return pattern == folder || wild && (above == "." || above == folder || strings.HasPrefix(folder, above+"/"))
}

// source is one parsed file; name is its slash path from the root.
type source struct {
	folder, name string
	file         *ast.File
}

func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s source) imports() (paths []string) {
	for _, spec := range s.file.Imports {
		paths = append(paths, importPath(spec))
	}
	return paths
}

// localName is what the file calls package p.
func (s source) localName(p string) (name string, imported bool) {
	for _, spec := range s.file.Imports {
		if importPath(spec) != p {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name, true
		}
		return path.Base(p), true
	}
	return "", false
}

func importPath(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
	return p
}

// parseTree parses every Go file below the root but those that Go tools ignore.
func parseTree(t *testing.T) (sources []source) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
			return fs.SkipDir
		}
		if !d.IsDir() && path.Ext(base) == ".go" {
			sources = append(sources, parse(t, filepath.ToSlash(name), read(t, name)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 2 {
		t.Fatal("no sources found: the rules would hold of nothing")
	}
	return sources
}

func parse(t *testing.T, name, text string) source {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return source{folder: path.Dir(name), name: name, file: file}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
