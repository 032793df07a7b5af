package events

func (s Summary) check(at *place) {
	idSet.check(at.field("saga"), s.Saga, required)
	printableASCII(at.field("pseudonym"), s.Pseudonym, optional)
	labelSet.check(at.field("plan"), s.Plan, required)
	printableASCII(at.field("plan_digest"), s.PlanDigest, required)
	labelSet.check(at.field("regime"), s.Regime, optional)
	oneOf(at.field("state"), s.State, finalStates)
	instant(at.field("started"), s.Started)
	instant(at.field("due"), s.Due)
	instant(at.field("ended"), s.Ended)
	printableASCII(at.field("history_head"), s.HistoryHead, required)
	limited(at.field("participants"), s.Participants)
	for i, p := range s.Participants {
		p.check(at.field("participants").elem(i))
	}
	checkExceptions(at.field("exceptions"), s.Exceptions)
	if s.Scope != nil {
		s.Scope.check(at.field("scope"))
	}
	optionalInstant(at.field("cut_off"), s.CutOff)
	s.checkCompleted(at)
}

func (n NarrowScope) check(at *place) {
	limited(at.field("participants"), n.Participants)
	for i, name := range n.Participants {
		nameSet.check(at.field("participants").elem(i), name, required)
	}
	limited(at.field("items"), n.Items)
	for i, item := range n.Items {
		item.check(at.field("items").elem(i))
	}
}

func (i ItemKind) check(at *place) {
	nameSet.check(at.field("participant"), i.Participant, required)
	if !ValidKind(i.Participant, i.Kind) {
		at.field("kind").fault("must be a kind of the participant")
	}
}

// checkCompleted is the last guard of the promise that completed is never false: nobody
// sends and nobody believes a completed that its own lines contradict.
func (s Summary) checkCompleted(at *place) {
	if s.State != Completed {
		return
	}
	if len(s.Participants) == 0 {
		at.field("participants").fault("must not be empty when completed")
	}
	if len(s.Exceptions) > 0 {
		at.field("exceptions").fault("must be empty when completed")
	}
	for i, p := range s.Participants {
		if p.VerifiedAt == nil {
			at.field("participants").elem(i).field("verified_at").fault("is missing, and needed when completed")
		}
	}
}

func (p ParticipantSummary) check(at *place) {
	nameSet.check(at.field("name"), p.Name, required)
	if p.Verdict != "" { // not found or cancelled: it was never asked to erase
		oneOf(at.field("verdict"), p.Verdict, settled)
	}
	checkCounts(at.field("counts"), p.Name, p.Counts)
	within(at.field("attempts"), p.Attempts, 0)
	within(at.field("rounds"), p.Rounds, 0)
	optionalInstant(at.field("reported_at"), p.ReportedAt)
	optionalInstant(at.field("verified_at"), p.VerifiedAt)
	optionalInstant(at.field("suspended_at"), p.SuspendedAt)
	optionalInstant(at.field("restored_at"), p.RestoredAt)
	checkCounts(at.field("suspended"), p.Name, p.Suspended)
	checkCounts(at.field("left"), p.Name, p.Left)
}

func checkExceptions(at *place, list []Exception) {
	limited(at, list)
	for i, e := range list {
		e.check(at.elem(i))
	}
}

func (e Exception) check(at *place) {
	nameSet.check(at.field("participant"), e.Participant, required)
	oneOf(at.field("kind"), e.Kind, allExceptions)
	text(at.field("ground"), e.Ground, required)
	text(at.field("by"), e.By, optional)
	optionalInstant(at.field("until"), e.Until)
}
