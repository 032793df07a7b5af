// Package trial reads what the author of a worker says of the people and the system that it
// is to be checked with, and runs the author's commands.
package trial

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/expunge-io/expunge/events"
)

// Example is a file to begin with.
//
//go:embed example.yaml
var Example string

// File is who a worker is tried with, and how its system is reached without it.
type File struct {
	Realm     string   `yaml:"realm"`
	Subject   []id     `yaml:"subject"`
	Neighbour []id     `yaml:"neighbour"`
	Unknown   []id     `yaml:"unknown"`
	Log       string   `yaml:"log"`
	Commands  commands `yaml:"commands"`

	folder string // of the file: where commands run and the log is
}

type id struct {
	Type  string `yaml:"type"`
	Value string `yaml:"value"`
}

// commands are programs and their arguments.
type commands struct {
	Seed  []string `yaml:"seed"`
	Count []string `yaml:"count"`
	State []string `yaml:"state"`
	Break []string `yaml:"break"`
	Slow  []string `yaml:"slow"`
	Mend  []string `yaml:"mend"`
}

// Read reads a file. The error names everything that is wrong, and no value of a person.
func Read(path string) (File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return File{}, err
	}
	f, err := parse(data)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	if f.folder, err = filepath.Abs(filepath.Dir(path)); err != nil {
		return File{}, err
	}
	return f, nil
}

func parse(data []byte) (f File, err error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return File{}, err
	}
	return f, f.validate()
}

var (
	realmForm = regexp.MustCompile(`^[A-Za-z0-9._-]{0,64}$`)
	typeForm  = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
)

func (f File) validate() error {
	var faults []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	bad(!realmForm.MatchString(f.Realm), "realm: want [A-Za-z0-9._-]{1,64}")
	seen := map[id]string{}
	for _, p := range f.people() {
		bad(len(p.ids) == 0, "%s: missing", p.name)
		for i, d := range p.ids {
			bad(!typeForm.MatchString(d.Type), "%s[%d].type: want [a-z0-9_]{1,32}", p.name, i)
			bad(len(d.Value) < 6 || len(d.Value) > 4000, "%s[%d].value: want 6 to 4000 bytes", p.name, i)
			bad(seen[d] != "" && seen[d] != p.name, "%s[%d]: is the %s's too", p.name, i, seen[d])
			seen[d] = p.name
		}
	}
	bad(len(f.Commands.Seed) == 0, "commands.seed: missing")
	bad(len(f.Commands.Count) == 0, "commands.count: missing")
	bad(len(f.Commands.Mend) == 0 && len(f.Commands.Break)+len(f.Commands.Slow) > 0, "commands.mend: missing, beside break or slow")
	return errors.Join(faults...)
}

// person is somebody of the file.
type person struct {
	name string
	ids  []id
}

func (f File) people() []person {
	return []person{{"subject", f.Subject}, {"neighbour", f.Neighbour}, {"unknown", f.Unknown}}
}

func identifiers(ids []id) (out []events.Identifier) {
	for _, d := range ids {
		out = append(out, events.Identifier{Type: events.IdentifierType(d.Type), Value: events.Private(d.Value)})
	}
	return out
}
