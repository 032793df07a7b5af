package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Read reads a file and puts the overrides on top, later ones on top of earlier ones. The
// error is of type [Faults] and holds every fault at once.
func Read(name string, overrides ...Override) (Config, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return Config{}, Faults{{Origin: name, Problem: reason(err)}}
	}
	return Parse(name, data, overrides...)
}

// Parse is [Read] of a file that was read already. The files that it names are looked for
// in the folder of name.
func Parse(name string, data []byte, overrides ...Override) (Config, error) {
	r := &reading{origin: name, folder: filepath.Dir(name), from: map[*yaml.Node]string{}}
	root, fault := parse(name, data)
	if fault != nil {
		return Config{}, Faults{*fault}
	}
	for _, o := range overrides {
		r.override(root, o)
	}
	c := defaults()
	c.read(node{r: r, value: root})
	if len(r.faults) > 0 {
		r.faults.sort()
		return Config{}, r.faults
	}
	return c, nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parse returns the root mapping. A text that is not YAML has one fault: behind it, there
// is no telling what belongs where.
func parse(name string, data []byte) (*yaml.Node, *Fault) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &Fault{Origin: name, Line: 1, Problem: "holds nothing; expunge config example prints a file to start from"}
	case err != nil:
		return nil, syntaxFault(name, err)
	}
	switch err := dec.Decode(&more); {
	case errors.Is(err, io.EOF):
		return doc.Content[0], nil
	case err != nil:
		return nil, syntaxFault(name, err)
	}
	return nil, &Fault{Origin: name, Line: more.Line, Problem: "a second document: a file holds one"}
}

func syntaxFault(name string, err error) *Fault {
	text := err.Error()
	m := yamlLine.FindStringSubmatch(text)
	if m == nil {
		return &Fault{Origin: name, Problem: text}
	}
	line, _ := strconv.Atoi(m[1]) // digits, or nothing for a fault without a line
	return &Fault{Origin: name, Line: line, Problem: "not YAML: " + text[len(m[0]):]}
}

// reason is the error without the name of the file, which stands before it already.
func reason(err error) string {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Sprintf("%s: %v", pathErr.Op, pathErr.Err)
	}
	return err.Error()
}
