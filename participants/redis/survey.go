package redis

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// target is a place for one combination of the person's values: where to look, exactly.
type target struct {
	kind       events.Kind
	form       form
	key        template // filled, but for ${member} and stars; empty: the members alone
	collection string   // the index, or what all share
	member     string   // the person's, of a shared collection
}

// survey returns where the person's entries are, once it knows that it can see.
func (p *Participant) survey(ctx context.Context, t participants.Task) ([]target, error) {
	if p.config.Realm != "" && t.Realm != p.config.Realm {
		return nil, misconfigured("wrong_realm", "the task is of another realm than this participant serves")
	}
	for _, id := range t.Identifiers {
		if err := p.admit(id); err != nil {
			return nil, err
		}
	}
	if err := p.Check(ctx); err != nil {
		return nil, err
	}
	var out []target
	for _, place := range p.places {
		for _, v := range combinations(t, place.types()) {
			out = append(out, place.of(v))
		}
	}
	return out, nil
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
	}
	return nil
}

type values map[events.IdentifierType]string

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

func (p place) of(v values) target {
	return target{kind: p.kind, form: p.form, key: p.key.fill(v), collection: p.collection.fill(v).text(), member: p.member.fill(v).text()}
}
