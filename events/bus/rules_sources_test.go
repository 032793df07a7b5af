package bus_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Import the package anywhere to see it fail. It is beta and ends the process: a header
// with two values is a nil dereference, a cancelled context with a backlog a send on a
// closed channel.
func TestRule01_NobodyUsesTheAdapterThatCrashes(t *testing.T) {
	for _, use := range usesOf(t, "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream") {
		t.Error(use)
	}
}

// Import one of the packages, or name one of the identifiers, to see it fail.
func TestRule07_NobodyUsesWhatLosesOrCopiesMessages(t *testing.T) {
	for _, path := range []string{"github.com/ThreeDotsLabs/watermill/components/forwarder"} {
		for _, use := range usesOf(t, path) {
			t.Error(use)
		}
	}
	forbidden := map[string]string{
		"Deduplicator":                "marks a message as seen before its handler ran",
		"PoisonQueue":                 "copies payloads to a topic",
		"PoisonQueueWithFilter":       "copies payloads to a topic",
		"InstantAck":                  "acks before the handler ran",
		"Retry":                       "retries past the ack wait",
		"NewMaxRetryDelay":            "ends in a silent drop",
		"TrackMsgId":                  "shares publish options between goroutines",
		"NewExpiringKeyRepository":    "belongs to the deduplicator",
		"NewMapExpiringKeyRepository": "belongs to the deduplicator",
	}
	const middleware = "github.com/ThreeDotsLabs/watermill/message/router/middleware"
	for _, src := range sources(t) {
		if !src.imports(middleware) && !src.imports("github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats") {
			continue
		}
		for _, name := range src.names() {
			if why := forbidden[name]; why != "" {
				t.Errorf("%s uses %s, which %s", src.path, name, why)
			}
		}
	}
}

// Set one of the fields anywhere to see it fail.
func TestRule10_NobodyTurnsOnWhatBypassesPermissions(t *testing.T) {
	forbidden := []string{"AllowMsgSchedules", "AllowRollup", "AllowMsgTTL", "AllowMsgCounter", "AllowAtomicPublish", "RePublish"}
	for _, src := range sources(t) {
		for _, field := range src.fieldsSet() {
			if slices.Contains(forbidden, field) {
				t.Errorf("%s sets %s", src.path, field)
			}
		}
	}
}

// source is one Go file of the module that is not a test.
type source struct {
	path string
	file *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	var out []source
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		out = append(out, source{path: strings.TrimPrefix(path, root+"/"), file: file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("found %d files of the module: looked in the wrong place", len(out))
	}
	return out
}

func usesOf(t *testing.T, path string) []string {
	var uses []string
	for _, src := range sources(t) {
		if src.imports(path) {
			uses = append(uses, fmt.Sprintf("%s imports %s", src.path, path))
		}
	}
	return uses
}

func (s source) imports(path string) bool {
	return slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool {
		got, err := strconv.Unquote(i.Path.Value)
		return err == nil && (got == path || strings.HasPrefix(got, path+"/"))
	})
}

// names are the identifiers of the file, selected ones included.
func (s source) names() []string {
	var out []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			out = append(out, id.Name)
		}
		return true
	})
	return out
}

// fieldsSet are the keys of composite literals and the fields that are assigned to.
func (s source) fieldsSet() []string {
	var out []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok {
				out = append(out, id.Name)
			}
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if sel, ok := left.(*ast.SelectorExpr); ok {
					out = append(out, sel.Sel.Name)
				}
			}
		}
		return true
	})
	return out
}
