package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reading collects the faults of one configuration.
type reading struct {
	origin string                // the file's name
	folder string                // of the file: relative names start there
	from   map[*yaml.Node]string // the origin of values that are not the file's
	faults Faults
}

// node is one value of the document and where it stands. A node without a value stands for
// a key that is not there; its line is that of what it is missing from.
type node struct {
	r     *reading
	value *yaml.Node
	path  string
	key   *yaml.Node // of the value, unless it is the root or an element of a list
}

func (n node) bad(format string, args ...any) {
	f := Fault{Origin: n.r.origin, Line: n.line(), Path: n.path, Problem: fmt.Sprintf(format, args...)}
	if from, ok := n.r.from[n.value]; ok {
		f.Origin, f.Line = from, 0
	}
	n.r.faults = append(n.r.faults, f)
}

// line is where people look for the value: what has parts begins at its key.
func (n node) line() int {
	if n.key != nil && n.value.Kind != yaml.ScalarNode {
		return n.key.Line
	}
	return n.value.Line
}

// at is the place of a key below n, whether it is there or not: where a fault of the key
// belongs.
func (n node) at(key string) node {
	if i := n.index(key); i >= 0 {
		return node{n.r, n.value.Content[i+1], join(n.path, key), n.value.Content[i]}
	}
	return node{n.r, n.value, join(n.path, key), n.key}
}

func (n node) has(key string) bool { return n.index(key) >= 0 }

func (n node) index(key string) int {
	if n.value.Kind != yaml.MappingNode {
		return -1
	}
	for i := 0; i < len(n.value.Content); i += 2 {
		if n.value.Content[i].Value == key {
			return i
		}
	}
	return -1
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fields are the keys that an object may have, and how each is read.
type fields map[string]func(node)

// object reads a mapping with a closed set of keys. Nothing at all is an empty mapping.
func (n node) object(known fields) {
	for key, value := range n.entries() {
		read, ok := known[key]
		if !ok {
			value.badKey("unknown key%s", hint(key, known))
			continue
		}
		read(value)
	}
}

// badKey reports a fault of the key itself.
func (n node) badKey(format string, args ...any) {
	node{r: n.r, value: n.key, path: n.path}.bad(format, args...)
}

// entries yields the keys of a mapping in the order of the file; a key that is there twice
// is a fault and is yielded once.
func (n node) entries() func(yield func(string, node) bool) {
	return func(yield func(string, node) bool) {
		if n.null() || !n.is(yaml.MappingNode) {
			return
		}
		seen := map[string]int{}
		for i := 0; i < len(n.value.Content); i += 2 {
			key, value := n.value.Content[i], n.value.Content[i+1]
			e := node{n.r, value, join(n.path, key.Value), key}
			if first, twice := seen[key.Value]; twice {
				e.badKey("there twice, first on line %d", first)
				continue
			}
			seen[key.Value] = key.Line
			if !yield(key.Value, e) {
				return
			}
		}
	}
}

// list yields the elements of a sequence.
func (n node) list() []node {
	if !n.is(yaml.SequenceNode) {
		return nil
	}
	var out []node
	for i, v := range n.value.Content {
		out = append(out, node{r: n.r, value: v, path: fmt.Sprintf("%s[%d]", n.path, i)})
	}
	return out
}

func (n node) null() bool { return n.value.Tag == "!!null" }

// is reports whether the value is of a kind, and what is wrong if it is not.
func (n node) is(kind yaml.Kind) bool {
	if n.value.Kind == kind {
		return true
	}
	n.bad("want %s, got %s", kindName(kind, ""), kindName(n.value.Kind, n.value.Tag))
	return false
}

func kindName(kind yaml.Kind, tag string) string {
	switch kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias, which is not supported"
	}
	switch tag {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!str":
		return "text"
	}
	return "a single value"
}

// hint names the known key that a misspelt one is nearest to, or all there are.
func hint(key string, known fields) string {
	var names []string
	for name := range known {
		if distance(key, name) <= 2 {
			return "; did you mean " + name + "?"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return "; known are " + strings.Join(names, ", ")
}

// distance is how many letters must be put, taken or changed to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
