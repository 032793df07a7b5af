// Package skeleton writes a worker to begin with: it compiles, and passes the conformance
// suite.
package skeleton

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/expunge-io/expunge/events/bus"
)

//go:embed files
var files embed.FS

// Write writes a worker of a participant into a folder, which is made, and must be empty if it
// is there. It returns the names of what it wrote.
func Write(folder, participant string) (written []string, err error) {
	if err := bus.CheckName(participant); err != nil {
		return nil, err
	}
	switch there, err := os.ReadDir(folder); {
	case len(there) > 0:
		return nil, fmt.Errorf("the folder %s is not empty", folder)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // sources, for others to read
		return nil, err
	}
	all, err := template.ParseFS(files, "files/*")
	if err != nil {
		return nil, err
	}
	data := map[string]string{"Name": participant, "Kind": strings.ReplaceAll(participant, "-", "_")}
	templates := all.Templates() // in no order
	slices.SortFunc(templates, func(a, b *template.Template) int { return strings.Compare(a.Name(), b.Name()) })
	for _, t := range templates {
		name := strings.TrimSuffix(t.Name(), ".txt")
		if err := write(filepath.Join(folder, name), t, data); err != nil {
			return written, err
		}
		written = append(written, name)
	}
	return written, nil
}

func write(path string, t *template.Template, data any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return err
	}
	source, err := format.Source(b.Bytes())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, source, 0o644) //nolint:gosec // see above
}
