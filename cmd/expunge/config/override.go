package config

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Override sets one value from outside the file.
type Override struct {
	Origin string // EXPUNGE_HTTP, --http: named in faults
	Path   string // one of [Overridable]
	Value  string
}

// Overridable maps the paths that the environment and flags can set to the name of the
// variable and of the flag.
var Overridable = []struct{ Path, Variable, Flag, Help string }{
	{"data", "EXPUNGE_DATA", "data", "folder of everything that must survive"},
	{"http.listen", "EXPUNGE_HTTP", "http", "loopback address of the HTTP API, as host:port"},
	{"nats.url", "EXPUNGE_NATS_URL", "nats", "URL of the NATS server"},
	{"log.level", "EXPUNGE_LOG_LEVEL", "log-level", "debug, info, warn or error"},
	{"log.format", "EXPUNGE_LOG_FORMAT", "log-format", "text or json"},
}

// override puts a value into the document as if the file had it, and remembers where it is
// from.
func (r *reading) override(root *yaml.Node, o Override) {
	at := root
	keys := strings.Split(o.Path, ".")
	for _, key := range keys[:len(keys)-1] {
		at = child(at, key, yaml.MappingNode)
	}
	value := child(at, keys[len(keys)-1], yaml.ScalarNode)
	*value = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: o.Value}
	r.from[value] = o.Origin
}

// child returns the value of a key, which is made if it is not there.
func child(parent *yaml.Node, key string, kind yaml.Kind) *yaml.Node {
	if i := (node{value: parent}).index(key); i >= 0 {
		found := parent.Content[i+1]
		if found.Tag == "!!null" {
			*found = yaml.Node{Kind: kind, Line: found.Line}
		}
		return found
	}
	made := &yaml.Node{Kind: kind, Line: parent.Line}
	if parent.Kind == yaml.MappingNode {
		parent.Content = append(parent.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key, Line: parent.Line}, made)
	}
	return made
}
