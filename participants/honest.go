package participants

import (
	"slices"

	"github.com/expunge-io/expunge/events"
)

// maxCount keeps totals from overflowing: a sum that wraps to zero would prove an erasure.
const maxCount = 1 << 48

// miscount returns the failure of counts that cannot be true, or nil.
func (a *act) miscount(counts events.Counts) *events.Report {
	for kind, n := range counts {
		switch {
		case n < 0 || n > maxCount:
			return broken(codeBadCounts)
		case !events.ValidKind(a.name, kind):
			return broken(codeBadKind)
		}
	}
	return nil
}

// misleft returns the failure of what an erase says it was to leave, or nil: without a
// cut-off it was to leave nothing.
func (a *act) misleft(left events.Counts) *events.Report {
	if fail := a.miscount(left); fail != nil {
		return fail
	}
	if a.task.CutOff.IsZero() && left.Total() > 0 {
		return broken(codeBadCounts)
	}
	return nil
}

// misyield returns the failure of identifiers that the participant did not declare or
// that would match anything, or nil.
func (a *act) misyield(ids []events.Identifier) *events.Report {
	for _, id := range ids {
		switch {
		case !slices.Contains(a.can.yields, id.Type):
			return broken(codeBadType)
		case id.Value == "":
			return broken(codeEmptyValue)
		}
	}
	return nil
}

// misjudged returns the failure of a result whose verdict is none of the allowed ones, or
// contradicts its counts, or nil.
func (a *act) misjudged(res Result, allowed ...events.Verdict) *events.Report {
	if fail := a.miscount(res.Counts); fail != nil {
		return fail
	}
	if !slices.Contains(allowed, res.Verdict) || res.Verdict == events.Absent && res.Counts.Total() > 0 {
		return broken(codeBadVerdict)
	}
	return nil
}

// broken is a fault of the participant itself, which another attempt does not mend.
func broken(code string) *events.Report {
	r := failed(events.Misconfigured, code)
	return &r
}

// distinct returns ids in order, each once.
func distinct(ids []events.Identifier) []events.Identifier {
	var out []events.Identifier
	seen := map[events.Identifier]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
