package jumio

import (
	"context"
	"maps"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// seen reports whether every reference of a kind is known to have existed: the baseline
// counted that many of them, or an erase that was never reported may have taken them.
func seen(t participants.Task, kind events.Kind, refs []reference) bool {
	if t.Verb != events.Erase && t.Verb != events.Verify {
		return false // this is the baseline: nothing was seen before
	}
	if t.Verb == events.Erase && t.MaybeDone {
		return true
	}
	n := 0
	for _, ref := range refs {
		if ref.kind == kind {
			n++
		}
	}
	return t.Baseline[kind] >= int64(n)
}

// absent returns nil if a 404 on ref can only mean that there is nothing.
func (p *Participant) absent(ctx context.Context, t participants.Task, refs []reference, ref reference) error {
	if seen(t, ref.kind, refs) {
		return nil
	}
	if p.regions[ref.region].Probes[ref.kind] == "" {
		return misconfigured("unseen_reference",
			"404 for a reference that was never seen: deleted before, or a wrong region or credential; configure a probe for "+ref.region+" "+string(ref.kind)+" to tell them apart")
	}
	if err := p.probe(ctx, ref.region, ref.kind); err != nil {
		return err
	}
	return p.nowhere(ctx, ref)
}

// probe proves that transactions of this customer can be seen in a region.
func (p *Participant) probe(ctx context.Context, region string, kind events.Kind) error {
	known := reference{region: region, kind: kind, value: p.regions[region].Probes[kind]}
	s, err := p.look(ctx, known)
	if err == nil && s == gone {
		err = misconfigured("probe_not_found", "the probe for "+region+" "+string(kind)+" is not there: wrong region, credentials or probe")
	}
	return err
}

// nowhere looks for ref in the other regions: whoever stored it may have noted the wrong
// one.
func (p *Participant) nowhere(ctx context.Context, ref reference) error {
	for _, region := range slices.Sorted(maps.Keys(p.regions)) {
		if region == ref.region {
			continue
		}
		elsewhere := ref
		elsewhere.region = region
		s, err := p.look(ctx, elsewhere)
		if err != nil {
			return err
		}
		if s != gone {
			return misconfigured("wrong_region", "a reference is stored in another region than its identifier says")
		}
	}
	return nil
}
