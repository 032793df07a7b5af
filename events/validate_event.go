package events

func (e Event) check(at *place) {
	oneOf(at.field("kind"), e.Kind, allEvents)
	if e.Saga == "" {
		e.checkDecision(at)
	} else {
		idSet.check(at.field("saga"), e.Saga, required)
		oneOf(at.field("state"), e.State, allStates)
		instant(at.field("due"), e.Due)
	}
	printableASCII(at.field("pseudonym"), e.Pseudonym, optional)
	nameSet.check(at.field("participant"), e.Participant, optional)
	text(at.field("reason"), e.Reason, optional)
	instant(at.field("at"), e.At)
	idSet.check(at.field("request"), e.Request, optional)
	correlationSet.check(at.field("correlation_id"), e.CorrelationID, optional)
	e.checkHold(at)
}

// checkDecision takes an event without a saga only if it says what was decided: one whose
// saga was left out by mistake is refused.
func (e Event) checkDecision(at *place) {
	if e.Kind != KindHeld && e.Kind != KindReleased {
		at.field("saga").fault("is missing")
	}
	if e.Hold == "" {
		at.field("hold").fault("is missing, and needed without a saga")
	}
	for _, f := range []present{
		{"state", e.State != ""}, {"due", !e.Due.IsZero()},
		{"pseudonym", e.Pseudonym != ""}, {"request", e.Request != ""},
	} {
		if f.there {
			at.field(f.name).fault("goes with a saga")
		}
	}
}

func (e Event) checkHold(at *place) {
	idSet.check(at.field("hold"), e.Hold, optional)
	text(at.field("ground"), e.Ground, optional)
	optionalInstant(at.field("until"), e.Until)
	limited(at.field("on"), e.On)
	for i, hash := range e.On {
		printableASCII(at.field("on").elem(i), hash, required)
	}
}
