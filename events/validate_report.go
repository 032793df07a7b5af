package events

import "slices"

// check holds a report to its verb and verdict: a field that means nothing there was
// meant for something else.
func (r Report) check(at *place) {
	idSet.check(at.field("saga"), r.Saga, required)
	oneOf(at.field("verb"), r.Verb, allVerbs)
	within(at.field("round"), r.Round, 1)
	idSet.check(at.field("permit"), r.Permit, required)
	if set := Verdicts(r.Verb); set != nil {
		oneOf(at.field("verdict"), r.Verdict, set)
	}
	checkReported(at.field("counts"), r.Counts)
	checkReported(at.field("left"), r.Left)
	if r.Left != nil && r.Verb != Erase && r.Verb != Verify {
		at.field("left").fault("goes with erase or verify")
	}
	r.checkRemaining(at.field("remaining"))
	r.checkFailure(at)
	r.checkRetention(at)
	r.checkSecrets(at)
	if r.RowsOnly && !slices.Contains([]Verdict{Erased, Anonymised, Shredded}, r.Verdict) {
		at.field("rows_only").fault("goes with erased, anonymised or shredded")
	}
}

func checkReported(at *place, counts Counts) {
	checkCounts(at, "", counts)
	for _, n := range counts {
		between(at, n, 0, maxReported)
	}
	if len(counts) > maxKinds {
		at.fault("has too many kinds")
	}
}

func (r Report) checkRemaining(at *place) {
	switch {
	case r.Remaining != nil:
		between(at, *r.Remaining, 0, maxReported)
	case r.Verdict == Counted:
		at.fault("is missing: counted says how much is left")
	}
}

func (r Report) checkFailure(at *place) {
	if r.Verdict == Failed {
		oneOf(at.field("class"), r.Class, allClasses)
		codeSet.check(at.field("code"), r.Code, required)
		return
	}
	if r.Class != "" {
		at.field("class").fault("goes with failed")
	}
	if r.Code != "" {
		at.field("code").fault("goes with failed")
	}
}

func (r Report) checkRetention(at *place) {
	ground, until := at.field("ground"), at.field("until")
	if r.Verdict == Retained {
		text(ground, r.Ground, required)
	} else if r.Ground != "" {
		ground.fault("goes with retained")
	}
	optionalInstant(until, r.Until)
	limited := r.Verdict == Failed && r.Class == RateLimited
	if r.Until != nil && r.Verdict != Retained && !limited {
		until.fault("goes with retained, or with failed and rate_limited")
	}
}

func (r Report) checkSecrets(at *place) {
	ids, undo := at.field("identifiers"), at.field("undo")
	limited(ids, r.Identifiers)
	checkIdentifiers(ids, r.Identifiers)
	if len(r.Identifiers) > 0 && r.Verdict != Resolved {
		ids.fault("goes with resolved")
	}
	private(undo, r.Undo, maxUndo, optional)
	if r.Undo != "" && r.Verdict != Prepared {
		undo.fault("goes with prepared")
	}
}
