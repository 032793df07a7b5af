package sila

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// ItemKinds implements [participants.Itemizer]: an item's reference is the UUID that
// get_entity gives it.
func (*Participant) ItemKinds() []events.Kind { return slices.Clone(kinds) }

// narrowed returns what of an entity a task is about, and how much of that came after its
// cut-off.
func narrowed(e entity, t participants.Task) (chosen entity, later events.Counts, err error) {
	named, err := references(t)
	if err != nil {
		return nil, nil, err
	}
	later = events.Counts{}
	for _, it := range e {
		if len(t.Items) > 0 && !named.has(it) {
			continue
		}
		after, err := isAfter(it, t.CutOff)
		switch {
		case err != nil:
			return nil, nil, err
		case after:
			later[it.kind]++
		default:
			chosen = append(chosen, it)
		}
	}
	return chosen, later, nil
}

// hyphenated is the length of the one form of a UUID that is compared: another would match
// nothing, and be taken for absent.
const hyphenated = 36

func references(t participants.Task) (entity, error) {
	var out entity
	for _, named := range t.Items {
		text := named.Reference.Reveal()
		if len(text) != hyphenated || uuid.Validate(text) != nil {
			return nil, misconfigured("reference_form", "an item's reference is not a UUID")
		}
		out = append(out, item{kind: named.Kind, uuid: strings.ToLower(text)})
	}
	return out, nil
}

// isAfter takes the second of the cut-off for later: what is kept can be deleted still.
func isAfter(it item, cutOff time.Time) (bool, error) {
	if cutOff.IsZero() {
		return false, nil
	}
	if it.added.IsZero() {
		return false, misconfigured("age_unknown", "the vendor does not say when an item was added, and the request has a cut-off")
	}
	return !it.added.Before(cutOff.Truncate(time.Second)), nil
}
