package s3

import (
	"maps"
	"slices"
	"strings"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// target is a place for one combination of the person's values: where to look, exactly.
type target struct {
	*place
	text  string // what a key begins with, or all of it
	exact bool   // all of it
}

func (t target) has(key string) bool {
	return key == t.text || !t.exact && strings.HasPrefix(key, t.text)
}

type values map[events.IdentifierType]string

func (p *place) of(v values) target {
	return target{place: p, text: p.template.fill(v), exact: p.Key != ""}
}

// longestKey is how many bytes the protocol allows.
const longestKey = 1024

// survey returns where the objects are that a task is about, once it knows that nobody else's
// are there.
func (p *Participant) survey(t participants.Task) ([]target, error) {
	if p.config.Realm != "" && t.Realm != p.config.Realm {
		return nil, misconfigured("wrong_realm", "the task is of another realm than this participant serves")
	}
	for _, id := range t.Identifiers {
		if err := p.admit(id); err != nil {
			return nil, err
		}
	}
	var out []target
	for _, place := range p.places {
		for _, v := range combinations(t, place.template.types()) {
			at := place.of(v)
			if len(at.text) > longestKey {
				return nil, &participants.Refuse{Code: "key_too_long"}
			}
			out = append(out, at)
		}
	}
	return narrowed(out, t.Items)
}

// admit refuses a value that would reach the key of somebody else.
func (p *Participant) admit(id events.Identifier) error {
	if !slices.Contains(p.types, id.Type) {
		return nil
	}
	switch value := id.Value.Reveal(); {
	case value == "":
		return misconfigured("empty_identifier", "an identifier is empty")
	case p.config.Delimiter != noDelimiter && strings.Contains(value, p.config.Delimiter):
		return &participants.Refuse{Code: "holds_delimiter"}
	case slices.ContainsFunc(strings.Split(value, "/"), dots):
		return &participants.Refuse{Code: "dots"} // some stores take keys for paths
	}
	return nil
}

func dots(segment string) bool { return segment == "." || segment == ".." }

// combinations returns each way to take one value of each type.
func combinations(t participants.Task, types []events.IdentifierType) []values {
	out := []values{{}}
	for _, typ := range types {
		var more []values
		for _, v := range out {
			for _, value := range t.Values(typ) {
				next := maps.Clone(v)
				next[typ] = value
				more = append(more, next)
			}
		}
		out = more
	}
	return out
}
