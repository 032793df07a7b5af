package jumio

import (
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// ItemKinds implements [participants.Itemizer]: an item's reference is written like the
// identifier of its kind.
func (*Participant) ItemKinds() []events.Kind {
	return []events.Kind{scans, authentications, documents}
}

// named narrows the person's references to the task's items. strange are items that are
// not among the references: nobody has said that they are the person's.
func (p *Participant) named(t participants.Task, all []reference) (refs, strange []reference, err error) {
	if len(t.Items) == 0 {
		return all, nil, nil
	}
	for _, item := range t.Items {
		ref, err := p.parse(item.Kind, item.Reference.Reveal())
		if err != nil {
			return nil, nil, err
		}
		if slices.Contains(refs, ref) {
			continue
		}
		refs = append(refs, ref)
		if !slices.Contains(all, ref) {
			strange = append(strange, ref)
		}
	}
	return refs, strange, nil
}

// errStrange keeps a reference that might be another person's. An operator looks whose it
// is; where it is the person's, their account must say so.
var errStrange = &participants.Refuse{Code: "item_not_the_persons"}
