package s3

import (
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// ItemKinds implements [participants.Itemizer]: an item's reference is a key, and stands for
// all that a place of its kind holds under it.
func (p *Participant) ItemKinds() (kinds []events.Kind) {
	for _, place := range p.places {
		if !slices.Contains(kinds, place.Kind) {
			kinds = append(kinds, place.Kind)
		}
	}
	return kinds
}

// narrowed returns the keys that items name, in the person's targets; all of these if none is
// named. A key that is in none of them may be another person's.
func narrowed(targets []target, items []events.Item) ([]target, error) {
	if len(items) == 0 {
		return targets, nil
	}
	var out []target
	for _, named := range items {
		key, before := named.Reference.Reveal(), len(out)
		for _, at := range targets {
			if at.Kind == named.Kind && at.has(key) {
				out = append(out, target{place: at.place, text: key, exact: true})
			}
		}
		if len(out) == before {
			return nil, &participants.Refuse{Code: "item_not_the_persons"}
		}
	}
	return out, nil
}

// isAfter takes the second of the cut-off for later: what is kept can be deleted still, and
// stores leave out what comes after the second.
func isAfter(modified *time.Time, cutOff time.Time) (bool, error) {
	switch {
	case cutOff.IsZero():
		return false, nil
	case modified == nil:
		return false, misconfigured("age_unknown", "the store does not say when an object was written, and the request has a cut-off")
	}
	return !modified.Before(cutOff.Truncate(time.Second)), nil
}
